"""The settings of projects, with the parts that projects depend on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field, TypeAdapter, ValidationError

from portal.domain.names import namespace_problem
from portal.domain.namespaces import NamespaceRules
from portal.projects.form import DEFAULTS, FIELDS
from portal.projects.form import check as check_project
from portal.projects.model import ProjectSite
from portal.projects.names import template_problem
from portal.settings.catalog import CatalogSettings
from portal.settings.namespaces import NamespaceSettings
from portal.settings.part import PREFIX, Names, SettingsError, unquoted
from portal.settings.sign_in import SignInSettings


class ProjectSettings(CatalogSettings, SignInSettings, NamespaceSettings):
    """The settings of projects, with the parts that projects depend on."""

    projects: Annotated[
        bool,
        Field(
            description="Let administrators make projects: namespaces with people, quota, limits, "
            "Pod Security and network policies. With authorization `kubernetes` an administrator "
            "of projects is whoever may create namespaces, and all is done as that person; with "
            "`owners` it is done with the portal's own account, which then needs the rights. Needs "
            "`DASH_PORTAL_CLUSTER_WIDE` and people who sign in."
        ),
    ] = False
    projects_defaults_file: Annotated[
        Path | None,
        Field(description="YAML mapping with the content of the form of a new project, by field."),
    ] = None
    projects_ingress_namespaces: Annotated[
        Names,
        Field(
            description="Comma-separated namespaces of ingress controllers, gateways and the like: "
            "the network policy of a project lets traffic from them in."
        ),
    ] = ()
    projects_role_prefix: Annotated[
        str,
        Field(
            description="Beginning of the names of the ClusterRoles that people get in a project: "
            "`<prefix>-viewer` and so on. Empty: Kubernetes' own `view`, `edit` and `admin`."
        ),
    ] = ""
    projects_personal: Annotated[
        bool,
        Field(
            description="Make a project for each person at the first sign-in, with the portal's "
            "own account. Needs `DASH_PORTAL_PROJECTS`, authorization `kubernetes`, and rights "
            "that reach far: see the administrator's guide."
        ),
    ] = False
    projects_personal_name: Annotated[
        str,
        Field(
            description="Name of personal projects; `{user}` stands for the user. Characters that "
            "a namespace's name cannot have are replaced, and a short hash tells people apart."
        ),
    ] = "user-{user}"

    def projects_problem(self) -> str:
        """The error in the settings of projects; "" if there is none."""
        if self.projects and (self.auth_mode == "none" or not self.cluster_wide):
            return (
                f"{PREFIX}PROJECTS: needs people who sign in ({PREFIX}AUTH_MODE), and "
                f"{PREFIX}CLUSTER_WIDE, since the portal would not work in a new namespace."
            )
        if self.projects_personal and not (self.projects and self.authorization == "kubernetes"):
            return (
                f"{PREFIX}PROJECTS_PERSONAL: needs {PREFIX}PROJECTS, and {PREFIX}AUTHORIZATION "
                "kubernetes: otherwise everybody sees every namespace."
            )
        if problem := template_problem(self.projects_personal_name):
            return f"{PREFIX}PROJECTS_PERSONAL_NAME: {problem}"
        for each in self.projects_ingress_namespaces:
            if problem := namespace_problem(each):
                return f"{PREFIX}PROJECTS_INGRESS_NAMESPACES: {problem}"
        return ""

    def project_site(self) -> ProjectSite:
        """The settings of projects that their objects depend on."""
        return ProjectSite(
            self.projects_role_prefix,
            self.own_namespace,
            self.projects_ingress_namespaces,
            self.authorization == "kubernetes",
            frozenset(self.impersonated_groups),
            tuple(each.name for each in self.sizes()),
        )

    def project_defaults(self) -> Mapping[str, str]:
        """Read the file with the content of the form of a new project.

        Raises:
            SettingsError: the file cannot be read, or a field is unknown or wrong.
        """
        if self.projects_defaults_file is None:
            return {}
        name = f"{PREFIX}PROJECTS_DEFAULTS_FILE"
        try:
            entries: object = yaml.safe_load(self.projects_defaults_file.read_text()) or {}
            found = TypeAdapter(dict[str, str | int | float]).validate_python(entries)
        except (OSError, yaml.YAMLError, ValidationError) as error:
            raise SettingsError(f"{name}: {unquoted(error)}") from None
        fields = {field: str(text) for field, text in found.items()}
        if unknown := sorted(set(fields) - set(FIELDS)):
            raise SettingsError(f"{name}: there is no field {', '.join(unknown)}.")
        tried = check_project(
            {**DEFAULTS, **fields, "name": "a"}, NamespaceRules(), self.project_site()
        )
        if tried.errors:
            raise SettingsError(
                f"{name}: {'; '.join(f'{field}: {each}' for field, each in tried.errors.items())}"
            )
        return fields
