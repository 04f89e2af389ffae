"""Makes, shows, changes and deletes projects, for those who may, and records who did."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import cast

from msgspec import Struct

from portal.domain.audit import Event, Outcome, Recorder, recorded
from portal.domain.errors import Conflict, Forbidden, InvalidInput, NotFound, PortalError
from portal.domain.identity import Identity
from portal.domain.keys import Key
from portal.domain.namespaces import NamespaceRules
from portal.domain.objects import Quota
from portal.domain.projects import PERSONAL_OF, PROJECT_LABEL, PROJECT_SELECTOR, PURPOSE
from portal.domain.request import within_operation
from portal.projects.form import DEFAULTS, CheckedProject, check, filled
from portal.projects.manifests import (
    Found,
    Part,
    Tree,
    conflicts,
    found,
    incomplete,
    is_incomplete,
    manifests,
    parts,
)
from portal.projects.model import Project, ProjectSite
from portal.projects.ports import ProjectCluster
from portal.threads import in_thread

CREATE, CHANGE = "project-create", "project-change"
DELETE, HIDE = "project-delete", "project-hide"

NOT_HERE = "There is no project {name}."
"""The message for a project that is not there, and for one that may not be seen."""


class ProjectRow(Struct, frozen=True):
    """A project in a list. ``state`` is "" for one that is whole."""

    name: str
    purpose: str = ""
    state: str = ""
    personal_of: str = ""
    quotas: tuple[Quota, ...] = ()


class OpenProject(Struct, frozen=True):
    """A project with all that its page shows: its objects' state, its releases, its quotas."""

    found: Found
    releases: tuple[str, ...] = ()
    quotas: tuple[Quota, ...] = ()


class ProjectUnfinished(PortalError):
    """One of a project's objects could not be applied.

    ``failed`` is that object, ``done`` are those that stand, and ``fields`` maps fields of the
    form to messages.
    """

    def __init__(
        self, failed: Part, done: Sequence[Part], why: PortalError, fields: Mapping[str, str]
    ) -> None:
        stands = f" Made so far: {', '.join(map(str, done))}." if done else " Nothing was changed."
        super().__init__(
            f"The {failed} could not be applied: {why.message.rstrip('.')}.{stands}",
            f"{why.advice} Try again goes on from there: what stands is applied once more.".strip(),
        )
        self.failed = failed
        self.done = tuple(done)
        self.fields = dict(fields)


class ClusterView(Struct, frozen=True):
    """The knowledge of namespaces that needs no request: names of releases, and quotas."""

    releases: Callable[[str], Sequence[str]] = lambda namespace: ()
    quotas: Callable[[str], Sequence[Quota]] = lambda namespace: ()


class Projects:
    """Projects, as the settings allow them.

    ``administers`` answers who may make projects, and ``seen`` which namespaces somebody sees
    (None: all). ``defaults`` fill in an empty form.
    """

    def __init__(
        self,
        cluster: ProjectCluster,
        rules: NamespaceRules,
        site: ProjectSite,
        recorder: Recorder,
        administers: Callable[[Identity], Awaitable[bool]],
        seen: Callable[[Identity], frozenset[str] | None],
        view: ClusterView = ClusterView(),  # noqa: B008 - frozen
        defaults: Mapping[str, str] = DEFAULTS,
    ) -> None:
        self._cluster = cluster
        self._rules = rules
        self._recorder = recorder
        self._administers = administers
        self._seen = seen
        self._view = view
        self.site = site
        """The settings of projects."""
        self.defaults = {**DEFAULTS, **defaults}
        """The content of an empty form."""
        self._busy: set[str] = set()

    async def administers(self, identity: Identity) -> bool:
        """Return True if ``identity`` makes and sees all projects."""
        return not identity.anonymous and await self._administers(identity)

    # Reading.

    async def every(self, identity: Identity) -> tuple[ProjectRow, ...]:
        """Return all projects by name.

        Raises:
            Forbidden: ``identity`` is no administrator of projects.
        """
        await self._require(identity)
        return self._rows(await self._cluster.namespaces(PROJECT_SELECTOR, identity=identity))

    async def own(self, identity: Identity) -> tuple[ProjectRow, ...]:
        """Return the projects in which ``identity`` sees apps, by name."""
        rows = self._rows(await self._cluster.namespaces(PROJECT_SELECTOR, identity=None))
        seen = self._seen(identity)
        return tuple(each for each in rows if seen is None or each.name in seen)

    async def open(self, identity: Identity, name: str) -> OpenProject:
        """Return a project.

        Raises:
            NotFound: there is none of this name, or ``identity`` is no administrator of projects.
        """
        if not await self.administers(identity):
            raise NotFound(NOT_HERE.format(name=name))
        return await self._open(identity, name)

    def _rows(self, namespaces: Sequence[Tree]) -> tuple[ProjectRow, ...]:
        rows = (_row(each, self._view.quotas) for each in namespaces)
        return tuple(sorted(rows, key=lambda row: row.name))

    async def _open(self, identity: Identity | None, name: str) -> OpenProject:
        paths = [part.path for part in parts(name)]
        try:
            async with asyncio.TaskGroup() as group:
                answers = [
                    group.create_task(self._cluster.read(path, identity=identity))
                    for path in paths
                    if self.site.by_role or "/rolebindings/" not in path
                ]
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        objects = {path: each.result() for path, each in zip(paths, answers, strict=False)}
        namespace = objects[paths[0]]
        if namespace is None or _labels(namespace).get(PROJECT_LABEL) != "true":
            raise NotFound(NOT_HERE.format(name=name))
        return OpenProject(
            found(name, objects, self.site),
            tuple(sorted(self._view.releases(name))),
            tuple(self._view.quotas(name)),
        )

    # The form.

    def check(self, raw: Mapping[str, object], before: Project | None = None) -> CheckedProject:
        """Check the form of a new project, or of one that is there."""
        return check(raw, self._rules, self.site, before=before)

    def manifests(self, project: Project, now: Found | None = None) -> tuple[Tree, ...]:
        """Return the objects that are applied for a project, without those others manage."""
        made = manifests(project, self.site)
        return tuple(each for path, each in made.items() if now is None or path not in now.others)

    # Writing.

    async def create(self, identity: Identity, raw: Mapping[str, object]) -> Project:
        """Make a project; again, after a step has failed, it goes on.

        Raises:
            InvalidInput: a field is wrong, or the name is taken.
            ProjectUnfinished: an object could not be applied.
            Forbidden: ``identity`` is no administrator of projects.
        """
        await self._require(identity)
        project = self._checked(await in_thread(self.check, raw))
        with within_operation():
            await self.make(project, identity, recorded_as=identity)
        return project

    async def make(
        self, project: Project, identity: Identity | None, *, recorded_as: Identity | None
    ) -> None:
        """Make a checked project as ``identity``; raises as ``create``."""
        (namespace, *_) = parts(project.name)
        there = await self._cluster.read(namespace.path, identity=identity)
        if problem := _taken(there, project):
            raise InvalidInput({"name": problem})
        async with (
            self._alone(project.name),
            recorded(
                self._recorder, self._event(CREATE, recorded_as, project.name, _told(project))
            ),
        ):
            await self._apply(project, identity, {}, anew=True)

    async def change(self, identity: Identity, name: str, raw: Mapping[str, object]) -> Project:
        """Change a project; raises as ``create``, and ``NotFound`` if there is none."""
        with within_operation():
            return await self._change(identity, name, raw)

    async def _change(self, identity: Identity, name: str, raw: Mapping[str, object]) -> Project:
        now = (await self.open(identity, name)).found
        if now.terminating:
            raise Conflict(f"The project {name} is being deleted.")
        project = self._checked(await in_thread(self.check, raw, now.project))
        wanted, there = filled(project), filled(now.project)
        others = {
            field: f"{now.manager(field)} manages this: change it there."
            for field in wanted
            if wanted[field] != there[field] and now.manager(field)
        }
        if others:
            raise InvalidInput(others)
        async with self._alone(name):
            await self._rehearse(project, identity, now)
            detail: dict[str, object] = {
                "fields": [field for field in wanted if wanted[field] != there[field]],
                **_told(project),
            }
            async with recorded(self._recorder, self._event(CHANGE, identity, name, detail)):
                await self._apply(project, identity, now.others, anew=now.incomplete)
        return project

    async def delete(self, identity: Identity, name: str, confirmed: str) -> None:
        """Delete a project's namespace with everything in it.

        Raises:
            InvalidInput: ``confirmed`` is not its name.
            NotFound: there is none.
            Conflict: another tool manages the namespace.
        """
        with within_operation():
            now = (await self.open(identity, name)).found
            (namespace, *_) = parts(name)
            if confirmed.strip() != name:
                raise InvalidInput({"confirmed": f"Type {name} to confirm."})
            if who := now.others.get(namespace.path):
                raise Conflict(f"{who} manages the namespace {name}.", "Delete it there.")
            if problem := self._rules.problem(name):
                raise Forbidden(problem)
            async with recorded(self._recorder, self._event(DELETE, identity, name)):
                await self._cluster.delete(namespace.path, now.uid, identity=identity)

    async def hide(self, identity: Identity, name: str) -> None:
        """Stop showing a namespace as a project; everything in it stays as it is.

        Raises:
            NotFound: there is none.
            Conflict: another tool manages the namespace.
        """
        with within_operation():
            now = (await self.open(identity, name)).found
            (namespace, *_) = parts(name)
            if who := now.others.get(namespace.path):
                raise Conflict(f"{who} manages the namespace {name}.", "Remove its label there.")
            async with recorded(self._recorder, self._event(HIDE, identity, name)):
                await self._cluster.unlabel(namespace.path, PROJECT_LABEL, identity=identity)

    async def _apply(
        self,
        project: Project,
        identity: Identity | None,
        others: Mapping[str, str],
        *,
        anew: bool,
    ) -> None:
        """Apply a project's objects in order, but for those that others manage."""
        made = manifests(project, self.site)
        steps = [part for part in parts(project.name) if part.path in made]
        steps = [part for part in steps if part.path not in others]
        if anew and steps and steps[0].kind == "Namespace":
            made = {**made, steps[0].path: incomplete(made[steps[0].path])}
            steps.append(steps[0])
        done: list[Part] = []
        for part in steps:
            tree = made[part.path]
            if part in done:  # the namespace once more: now the project is whole
                tree = manifests(project, self.site)[part.path]
            try:
                await self._cluster.apply(part.path, tree, identity=identity)
            except PortalError as error:
                fields = conflicts(part, error.message) if isinstance(error, Conflict) else {}
                raise ProjectUnfinished(part, done, error, fields) from error
            done.append(part)

    async def _rehearse(self, project: Project, identity: Identity, now: Found) -> None:
        """Apply by dry run, so that a conflict is found before anything is changed.

        Raises:
            InvalidInput: other field managers own fields.
        """
        errors: dict[str, str] = {}
        made = manifests(project, self.site)
        for part in parts(project.name):
            if part.path not in made or part.path in now.others:
                continue
            try:
                await self._cluster.apply(
                    part.path, made[part.path], identity=identity, dry_run=True
                )
            except Conflict as error:
                errors |= conflicts(part, error.message)
                if not errors:
                    raise
        if errors:
            raise InvalidInput(errors)

    def _checked(self, checked: CheckedProject) -> Project:
        if checked.project is None:
            raise InvalidInput(checked.errors)
        return checked.project

    async def _require(self, identity: Identity) -> None:
        if not await self.administers(identity):
            self._recorder.note(
                Event("project", Outcome.REFUSED, identity, detail={"reason": NO_ADMINISTRATOR})
            )
            raise Forbidden(NO_ADMINISTRATOR)

    def _event(
        self,
        action: str,
        identity: Identity | None,
        name: str,
        detail: Mapping[str, object] | None = None,
    ) -> Event:
        return Event(
            action,
            Outcome.BEGUN,
            identity,
            Key(name, ""),
            detail={"project": name, **(detail or {})},
        )

    def _alone(self, name: str) -> _Alone:
        return _Alone(self._busy, name)


NO_ADMINISTRATOR = "Only administrators of projects may do this."


class _Alone:
    """Lets one change of a project in at a time."""

    def __init__(self, busy: set[str], name: str) -> None:
        self._busy = busy
        self._name = name

    async def __aenter__(self) -> None:
        if self._name in self._busy:
            raise Conflict(
                f"The project {self._name} is being changed by somebody else.",
                "Try again in a moment.",
            )
        self._busy.add(self._name)

    async def __aexit__(self, *_: object) -> None:
        self._busy.discard(self._name)


def _taken(there: Tree | None, project: Project) -> str:
    """Return why a namespace of a new project's name is in the way; "" if none is.

    One that was begun for the same project, and not finished, is gone on with.
    """
    if there is None:
        return ""
    if there["metadata"].get("deletionTimestamp"):
        return (
            f"The namespace {project.name} is still being deleted: wait until it is gone, or "
            "choose another name."
        )
    if is_incomplete(there) and personal_user(there) == project.personal_of:
        return ""
    return (
        f"There is a namespace {project.name} already: choose another name. With the label "
        f"{PROJECT_LABEL}: true it is shown as a project."
    )


def personal_user(namespace: Tree) -> str:
    """Return the user whose personal project a namespace is; "" if it is nobody's."""
    return _annotations(namespace).get(PERSONAL_OF, "")


def _row(namespace: Tree, quotas: Callable[[str], Sequence[Quota]]) -> ProjectRow:
    metadata = namespace["metadata"]
    name, annotations = str(metadata["name"]), _annotations(namespace)
    state = "being deleted" if metadata.get("deletionTimestamp") else ""
    return ProjectRow(
        name,
        annotations.get(PURPOSE, ""),
        state or ("not finished" if is_incomplete(namespace) else ""),
        personal_user(namespace),
        tuple(quotas(name)),
    )


def _annotations(tree: Tree) -> Mapping[str, str]:
    return cast("Mapping[str, str]", tree["metadata"].get("annotations") or {})


def _labels(tree: Tree) -> Mapping[str, str]:
    return cast("Mapping[str, str]", tree["metadata"].get("labels") or {})


def _told(project: Project) -> dict[str, object]:
    """Return what the audit trail keeps of a project."""
    members = {
        role: [str(each) for each in named] for role, named in project.members.items() if named
    }
    return {
        "members": members,
        "quota": dict(project.quota),
        "level": project.level.value,
        "network": "restricted" if project.restricted else "open",
    }
