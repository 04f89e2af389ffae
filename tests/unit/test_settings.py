import re
from pathlib import Path

import pytest

from portal.autoscaling.cost import Prices
from portal.catalog.presets import preset_fields
from portal.images.registries import ImageLookup
from portal.settings import Settings, SettingsError

WHOLE = {"DASH_PORTAL_CLUSTER_WIDE": "true"}


def test_defaults_are_valid():
    settings = Settings.from_env(WHOLE)
    assert settings.auth_mode == "none"
    assert settings.namespaces == ()


def test_unknown_variable_is_refused_by_name():
    with pytest.raises(SettingsError, match="DASH_PORTAL_NAMESPACE"):
        Settings.from_env({"DASH_PORTAL_NAMESPACE": "apps"})


def test_namespaces_are_split_and_the_default_is_among_them():
    settings = Settings.from_env({"DASH_PORTAL_NAMESPACES": "apps, team-a,"})
    assert settings.namespaces == ("apps", "team-a")
    assert settings.default_namespace == "apps"


def test_header_mode_needs_a_secret(tmp_path: Path):
    with pytest.raises(SettingsError, match="AUTH_SECRET_FILE"):
        Settings.from_env(WHOLE | {"DASH_PORTAL_AUTH_MODE": "header"})
    secret = tmp_path / "secret"
    environ = {"DASH_PORTAL_AUTH_MODE": "header", "DASH_PORTAL_AUTH_SECRET_FILE": str(secret)}
    settings = Settings.from_env(WHOLE | environ)
    with pytest.raises(SettingsError, match="AUTH_SECRET_FILE"):
        settings.secret()
    secret.write_text("\n")
    with pytest.raises(SettingsError, match="empty"):
        settings.secret()
    secret.write_text("hush\n")
    assert settings.secret() == "hush"


def test_the_database_is_given_by_its_url_or_a_file_with_it(tmp_path: Path):
    assert Settings.from_env(WHOLE).database_url() == ""
    given = WHOLE | {"DASH_PORTAL_DATABASE": "sqlite:////data/portal.db"}
    assert Settings.from_env(given).database_url() == "sqlite:////data/portal.db"
    file = tmp_path / "url"
    named = {"DASH_PORTAL_DATABASE_FILE": str(file)}
    with pytest.raises(SettingsError, match=r"DATABASE_FILE.*cannot be read"):
        Settings.from_env(WHOLE | named).database_url()
    file.write_text("postgresql://ann:hush@db/portal\n")
    assert Settings.from_env(WHOLE | named).database_url() == "postgresql://ann:hush@db/portal"
    with pytest.raises(SettingsError, match="either"):
        Settings.from_env(given | named).database_url()
    file.write_text("mysql://ann:hush@db/portal")
    with pytest.raises(SettingsError, match="DATABASE_FILE: only SQLite") as raised:
        Settings.from_env(WHOLE | named).database_url()
    assert "hush" not in str(raised.value)


def test_names_that_are_answered_to():
    known = Settings.from_env(
        {
            "DASH_PORTAL_CLUSTER_WIDE": "true",
            "DASH_PORTAL_ALLOWED_HOSTS": "portal.example.com, *.apps.example.com",
            "DASH_PORTAL_TRUSTED_ORIGINS": "https://public.example.com:8443",
            "DASH_PORTAL_NODE_ADDRESS": "node-1",
        }
    ).known_hosts()
    for name in ("portal.example.com", "a.apps.example.com", "public.example.com", "node-1"):
        assert name in known
    assert "example.com" not in known


@pytest.mark.parametrize("host", ["https://x.example.com", "x.example.com:80", "*", "a b", "x.*"])
def test_an_allowed_host_is_a_bare_name(host: str):
    with pytest.raises(SettingsError, match=r"ALLOWED_HOSTS.*no host name"):
        Settings.from_env({"DASH_PORTAL_ALLOWED_HOSTS": host})


@pytest.mark.parametrize(
    "origin", ["x", "portal.example.com", "ftp://x", "https://", "https://x:y"]
)
def test_a_trusted_origin_has_scheme_and_host(origin: str):
    with pytest.raises(SettingsError, match=r"TRUSTED_ORIGINS.*no origin"):
        Settings.from_env({"DASH_PORTAL_TRUSTED_ORIGINS": origin})


def test_presets(tmp_path: Path):
    file = tmp_path / "presets.yaml"
    settings = Settings.from_env(WHOLE | {"DASH_PORTAL_PRESETS_FILE": str(file)})
    file.write_text("- {name: Sample, repository: example/app, tag: '1.0'}")
    assert preset_fields(settings.presets()[0])["port"] == 8050
    file.write_text("- {name: Sample, repo: example/app}")
    with pytest.raises(SettingsError, match="repository"):
        settings.presets()


def test_bad_values_name_the_variable():
    with pytest.raises(SettingsError, match="DASH_PORTAL_MAX_REPLICAS"):
        Settings.from_env({"DASH_PORTAL_MAX_REPLICAS": "many"})


def test_sources_of_charts(tmp_path: Path):
    file = tmp_path / "catalog.yaml"
    settings = Settings.from_env(WHOLE | {"DASH_PORTAL_CATALOG_FILE": str(file)})
    file.write_text(
        "- {name: team, kind: repository, url: 'https://charts.example.com', charts: [web*]}\n"
        "- {name: local, kind: folder, path: /charts, presets: [{chart: web, name: Small,"
        " values: {image: {tag: '1.0'}, replicas: 2}}]}\n"
    )
    assert [each.name for each in settings.sources()] == ["built-in", "team", "local"]
    (small,) = settings.sources()[-1].presets_of("web")
    assert (small.name, small.values) == ("Small", {"image": {"tag": "1.0"}, "replicas": 2})
    for wrong, words in (
        ("- {name: team, kind: repository}", "needs its url"),
        ("- {name: team, kind: repository, url: 'https://x', chart: y}", "chart"),
        ("- {name: team, kind: git}", "kind"),
        ("- {name: x, kind: folder, path: /x, presets: [{name: y}]}", "chart"),
        ("- {name: built-in, kind: folder, path: /x}", "same name"),
    ):
        file.write_text(wrong)
        with pytest.raises(SettingsError, match=words):
            settings.sources()


def test_where_the_portal_works_is_said_and_only_once():
    with pytest.raises(
        SettingsError, match=r"list the namespaces .* or set DASH_PORTAL_CLUSTER_WIDE"
    ):
        Settings.from_env({})
    with pytest.raises(SettingsError, match="set one of them"):
        Settings.from_env(WHOLE | {"DASH_PORTAL_NAMESPACES": "apps"})
    assert Settings.from_env(WHOLE).rules().listed == ()


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"NAMESPACES": "apps,portal", "OWN_NAMESPACE": "portal"}, "portal is the portal's own"),
        ({"NAMESPACES": "kube-public"}, "kube-public is Kubernetes' own"),
        ({"NAMESPACES": "Apps"}, "“Apps” is not a namespace"),
        ({"NAMESPACES": "apps", "EXCLUDED_NAMESPACES": "a,b[c]"}, r"“b\[c\]” is neither"),
    ],
)
def test_namespaces_that_cannot_be_worked_in(environ: dict[str, str], words: str):
    with pytest.raises(SettingsError, match=words):
        Settings.from_env({f"DASH_PORTAL_{name}": text for name, text in environ.items()})


def with_registries(text: str, folder: Path) -> Settings:
    file = folder / "registries.yaml"
    file.write_text(text)
    return Settings(namespaces=("apps",), image_registries_file=file)


def test_registries_of_images(tmp_path: Path) -> None:
    settings = with_registries("- {host: 'localhost:5000', url: 'http://r:5000'}", tmp_path)
    (registry,) = settings.image_registries()
    assert (registry.name, registry.base) == ("localhost:5000", "http://r:5000")
    assert settings.image_lookup is ImageLookup.PUBLIC
    assert Settings(namespaces=("apps",)).image_registries() == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- {host: r.example, url: r.example}", "its url begins with"),
        ("- {host: r.example, plain_http: true}", "plain_http"),
        ("- {host: r.example}\n- {host: R.example}", "a registry is there twice"),
        ("host: r.example", "IMAGE_REGISTRIES_FILE"),
        ("- [", "IMAGE_REGISTRIES_FILE"),
    ],
)
def test_registries_that_make_no_sense(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        with_registries(text, tmp_path).image_registries()


def test_a_shell_needs_the_right_to_run_commands():
    with pytest.raises(SettingsError, match="DASH_PORTAL_ALLOW_EXEC"):
        Settings.from_env(WHOLE | {"DASH_PORTAL_SHELL": "true"})
    settings = Settings.from_env(
        WHOLE | {"DASH_PORTAL_SHELL": "true", "DASH_PORTAL_ALLOW_EXEC": "true"}
    )
    assert (settings.shell, settings.shell_image) == (True, "")
    with pytest.raises(SettingsError, match="SHELL_IDLE"):
        Settings.from_env(WHOLE | {"DASH_PORTAL_SHELL_IDLE": "0"})


def test_kubernetes_decides_about_people_who_sign_in(tmp_path: Path):
    environ = WHOLE | {"DASH_PORTAL_AUTHORIZATION": "kubernetes"}
    with pytest.raises(SettingsError, match="AUTHORIZATION: kubernetes needs people who sign in"):
        Settings.from_env(environ)
    secret = {
        "DASH_PORTAL_AUTH_MODE": "header",
        "DASH_PORTAL_AUTH_SECRET_FILE": str(tmp_path / "secret"),
        "DASH_PORTAL_IMPERSONATED_GROUPS": "team-a, team-b",
    }
    rules = Settings.from_env(environ | secret).impersonation()
    assert rules is not None
    assert rules.groups == {"team-a", "team-b"}
    assert Settings.from_env(WHOLE | secret).impersonation() is None
    for group in ("system:masters", "team-a,system:authenticated"):
        with pytest.raises(SettingsError, match=r"IMPERSONATED_GROUPS.*begins with"):
            Settings.from_env(environ | secret | {"DASH_PORTAL_IMPERSONATED_GROUPS": group})


OIDC = WHOLE | {
    "DASH_PORTAL_AUTH_MODE": "oidc",
    "DASH_PORTAL_OIDC_ISSUER": "https://login.example.com",
    "DASH_PORTAL_OIDC_CLIENT_ID": "portal",
    "DASH_PORTAL_PUBLIC_URL": "https://portal.example.com",
}
ARN = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/portal/0123"
ALB = WHOLE | {
    "DASH_PORTAL_AUTH_MODE": "alb",
    "DASH_PORTAL_ALB_ARN": ARN,
    "DASH_PORTAL_ALB_ISSUER": "https://login.example.com",
    "DASH_PORTAL_ALB_CLIENT_ID": "portal",
}


def test_a_sign_in_through_a_provider_is_set_up():
    settings = Settings.from_env(OIDC | {"DASH_PORTAL_OIDC_SCOPES": "openid, groups"})
    assert settings.oidc_scopes == ("openid", "groups")
    assert "portal.example.com" in settings.known_hosts()
    assert (settings.client_secret(), settings.session_key()) == ("", "")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"DASH_PORTAL_OIDC_ISSUER": ""}, "OIDC_ISSUER: required when .* is oidc"),
        ({"DASH_PORTAL_OIDC_CLIENT_ID": ""}, "OIDC_CLIENT_ID: required"),
        ({"DASH_PORTAL_PUBLIC_URL": ""}, "PUBLIC_URL: required"),
        ({"DASH_PORTAL_OIDC_ISSUER": "http://login.example.com"}, "OIDC_ISSUER: .*https://"),
        ({"DASH_PORTAL_PUBLIC_URL": "http://portal.example.com"}, "PUBLIC_URL: .*https://"),
        ({"DASH_PORTAL_PUBLIC_URL": "portal.example.com"}, "PUBLIC_URL: it is no address"),
        ({"DASH_PORTAL_PUBLIC_URL": "https://example.com/portal/"}, "PUBLIC_URL: it has a path"),
        (
            {
                "DASH_PORTAL_OIDC_ISSUER": "https://login.example.com/.well-known/"
                "openid-configuration"
            },
            "OIDC_ISSUER: write what stands before",
        ),
        ({"DASH_PORTAL_OIDC_SCOPES": "profile, email"}, "OIDC_SCOPES: openid is missing"),
        ({"DASH_PORTAL_OIDC_REFRESH_INTERVAL": "1"}, "OIDC_REFRESH_INTERVAL"),
        (ALB | {"DASH_PORTAL_ALB_ARN": ""}, "ALB_ARN: required when .* is alb"),
        (ALB | {"DASH_PORTAL_ALB_ARN": "portal"}, "ALB_ARN: write it as"),
        (ALB | {"DASH_PORTAL_ALB_CLIENT_ID": ""}, "ALB_CLIENT_ID: required"),
        (ALB | {"DASH_PORTAL_ALB_KEYS_URL": "http://keys.example.com"}, "ALB_KEYS_URL"),
        (
            {"DASH_PORTAL_AUTH_MODE": "none", "DASH_PORTAL_BEARER_AUDIENCES": "api"},
            "BEARER_AUDIENCES.*AUTH_MODE is none",
        ),
        (
            ALB | {"DASH_PORTAL_BEARER_AUDIENCES": "api", "DASH_PORTAL_OIDC_ISSUER": ""},
            "OIDC_ISSUER: required with",
        ),
    ],
)
def test_a_sign_in_that_cannot_work_is_refused(given: dict[str, str], words: str):
    with pytest.raises(SettingsError, match=words):
        Settings.from_env(OIDC | given)


@pytest.mark.parametrize(
    ("given", "groups"),
    [
        ("ops, team b,", ("ops", "team b")),
        ('["ops","CN=leads,OU=it"]', ("ops", "CN=leads,OU=it")),
        ("[]", ()),
        ("[ops, b]", ("[ops", "b]")),
        ("7", ("7",)),
    ],
)
def test_a_list_of_groups_whose_names_have_commas_is_json(given: str, groups: tuple[str, ...]):
    settings = Settings.from_env(OIDC | {"DASH_PORTAL_AUTH_ADMIN_GROUPS": given})
    assert settings.auth_admin_groups == groups


def test_pages_of_the_public_address_are_the_portals_own():
    """A proxy may not pass the Host header on, as nginx by itself: changes come from there."""
    given = {
        "DASH_PORTAL_PUBLIC_URL": "https://Portal.example.com:443/",
        "DASH_PORTAL_TRUSTED_ORIGINS": "https://other.example.com/, http://localhost:8080",
    }
    assert Settings.from_env(OIDC | given).own_origins() == {
        "https://portal.example.com",
        "https://other.example.com",
        "http://localhost:8080",
    }
    assert Settings.from_env(WHOLE).own_origins() == frozenset()


@pytest.mark.parametrize(
    "url", ["http://localhost:8050", "http://127.0.0.1", "http://10.0.0.7:80", "http://[::1]:8050"]
)
def test_a_private_address_needs_no_tls(url: str):
    addresses = {"DASH_PORTAL_PUBLIC_URL": url, "DASH_PORTAL_OIDC_ISSUER": url}
    assert Settings.from_env(OIDC | addresses).public_url == url


def test_a_session_key_is_long_enough(tmp_path: Path):
    key = tmp_path / "key"
    key.write_text("k" * 31)
    settings = Settings.from_env(OIDC | {"DASH_PORTAL_OIDC_SESSION_KEY_FILE": str(key)})
    with pytest.raises(SettingsError, match="OIDC_SESSION_KEY_FILE: at least 32"):
        settings.session_key()
    key.write_text("k" * 32)
    assert settings.session_key() == "k" * 32


@pytest.mark.parametrize(
    ("given", "bind", "refused"),
    [
        ({}, "0.0.0.0:8080", True),
        ({}, "[::]:8080", True),
        ({}, "203.0.113.7:8080", False),  # documentation's own network counts as private
        ({}, "8.8.8.8:8080", True),
        ({}, "portal.example.com:80", True),
        ({}, "127.0.0.1:8080", False),
        ({}, "[::1]:8080", False),
        ({}, "10.1.2.3:8080", False),
        ({}, "unix:/run/portal.sock", False),
        ({"DASH_PORTAL_ALLOW_ANONYMOUS": "true"}, "0.0.0.0:8080", False),
        ({"DASH_PORTAL_OWN_NAMESPACE": "dash-portal"}, "0.0.0.0:8080", False),
        (OIDC, "0.0.0.0:8080", False),
    ],
)
def test_nobody_is_let_in_from_anywhere_by_accident(
    given: dict[str, str], bind: str, refused: bool
):
    problem = Settings.from_env(WHOLE | given).bind_problem([bind])
    assert bool(problem) is refused
    if refused:
        assert bind in problem
        assert "DASH_PORTAL_ALLOW_ANONYMOUS" in problem


def test_prices_are_none_by_default_and_never_negative():
    given = {"DASH_PORTAL_PRICE_CORE_HOUR": "0.04", "DASH_PORTAL_PRICE_CURRENCY": "EUR"}
    assert not Settings.from_env(WHOLE).prices().known
    assert Settings.from_env(WHOLE | given).prices() == Prices(0.04, None, "EUR")
    with pytest.raises(SettingsError, match="PRICE_GIB_HOUR"):
        Settings.from_env(WHOLE | {"DASH_PORTAL_PRICE_GIB_HOUR": "-1"})


def test_load_tests_are_off_and_bounded() -> None:
    usual = Settings.from_env(WHOLE)
    assert usual.load_test_image == ""
    assert (usual.load_test_rate, usual.load_test_seconds, usual.load_test_minutes) == (
        200,
        300,
        30,
    )
    for name in ("RATE", "SECONDS", "MINUTES"):
        for value in ("0", "many", "5001" if name != "MINUTES" else "-1"):
            with pytest.raises(SettingsError, match=f"DASH_PORTAL_LOAD_TEST_{name}"):
                Settings.from_env({**WHOLE, f"DASH_PORTAL_LOAD_TEST_{name}": value})


PROJECTS = {
    "DASH_PORTAL_CLUSTER_WIDE": "true",
    "DASH_PORTAL_AUTH_MODE": "header",
    "DASH_PORTAL_AUTH_SECRET_FILE": "/secret",
    "DASH_PORTAL_PROJECTS": "true",
}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"AUTH_MODE": "none"}, "people who sign in"),
        ({"CLUSTER_WIDE": "false", "NAMESPACES": "apps"}, "DASH_PORTAL_CLUSTER_WIDE"),
        ({"PROJECTS_PERSONAL": "true"}, "DASH_PORTAL_AUTHORIZATION"),
        ({"PROJECTS_PERSONAL_NAME": "mine"}, "{user}"),
        ({"PROJECTS_INGRESS_NAMESPACES": "Traefik"}, "lower case"),
    ],
)
def test_projects_need_people_and_the_whole_cluster(changed: dict[str, str], words: str) -> None:
    assert Settings.from_env(PROJECTS).projects
    given = PROJECTS | {f"DASH_PORTAL_{name}": value for name, value in changed.items()}
    with pytest.raises(SettingsError, match=re.escape(words)):
        Settings.from_env(given)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("quota_cpu: 8\nnetwork: restricted", ""),
        ("quota_cpus: 8", "there is no field quota_cpus"),
        ("quota_memory: 8", "8Gi"),
        ("cpu_request: ''", "would be refused"),
        ("[a]", "DEFAULTS_FILE"),
    ],
)
def test_the_defaults_of_projects_are_checked(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "projects.yaml"
    file.write_text(text)
    settings = Settings.from_env(PROJECTS | {"DASH_PORTAL_PROJECTS_DEFAULTS_FILE": str(file)})
    if not words:
        assert settings.project_defaults() == {"quota_cpu": "8", "network": "restricted"}
        return
    with pytest.raises(SettingsError, match=words):
        settings.project_defaults()


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"PROMETHEUS_URL": "prometheus:9090"}, "PROMETHEUS_URL: it has to be one address"),
        ({"PROMETHEUS_TOKEN_FILE": "/token"}, "PROMETHEUS_TOKEN_FILE: set DASH_PORTAL_PROMETHEUS"),
        (
            {"PROMETHEUS_URL": "http://prometheus", "PROMETHEUS_TOKEN_FILE": "/token"},
            "only sent over https",
        ),
    ],
)
def test_an_address_of_prometheus_that_is_wrong(environ: dict[str, str], words: str) -> None:
    given = {f"DASH_PORTAL_{name}": each for name, each in environ.items()}
    settings = Settings.from_env(WHOLE | given)
    with pytest.raises(SettingsError, match=words):
        settings.prometheus()


def test_prometheus_is_optional() -> None:
    assert Settings.from_env(WHOLE).prometheus() == ""
    address = "https://prometheus.example.com/path"
    assert (
        Settings.from_env(WHOLE | {"DASH_PORTAL_PROMETHEUS_URL": address}).prometheus() == address
    )


CANARY = "canary-9x7Kq2Lw"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("DATABASE", f"postgresql://portal:{CANARY}@db/portal"),
        ("DATABASE", f"mysql://portal:{CANARY}@db/portal"),
        ("DATABASE_FILE", f"postgresql://portal:{CANARY}@[db/portal"),
        ("DATABASE_FILE", CANARY),
        ("WEBHOOK_URL_FILE", f"http://hooks:{CANARY}@example.com/{CANARY}"),
        ("WEBHOOK_URL_FILE", CANARY),
        ("PROMETHEUS_URL", f"https://user:{CANARY}@prometheus"),
        ("IMAGE_REGISTRIES_FILE", f"- {{name: x, password: {CANARY}}}"),
        ("IMAGE_REGISTRIES_FILE", f"- {{name: x, password: {CANARY}"),
        ("CATALOG_FILE", f"- {{name: x, url: 'https://me:{CANARY}@h', password: {CANARY}}}"),
        ("CATALOG_FILE", f"- password: !{CANARY} x"),
        ("GUARDRAILS_FILE", f"- {{name: x, token: {CANARY}}}"),
        ("PRESETS_FILE", f"- {{name: x, password: {CANARY}}}"),
        ("PROJECTS_DEFAULTS_FILE", f"password: [{CANARY}]"),
        ("OIDC_SESSION_KEY_FILE", CANARY),
        ("OIDC_CLIENT_SECRET_FILE", CANARY),
        ("AUTH_SECRET_FILE", CANARY),
        ("HELM_TIMEOUT", CANARY),
    ],
)
def test_no_error_and_no_text_of_the_settings_has_a_secret(
    tmp_path: Path, name: str, content: str
) -> None:
    given = content
    if name.endswith("_FILE"):
        path = tmp_path / "file"
        path.write_text(content)
        given = str(path)
    said: list[str] = []
    try:
        settings = Settings.from_env(WHOLE | {f"DASH_PORTAL_{name}": given})
        said += [repr(settings), str(settings)]
        for read in (
            *(settings.database_url, settings.webhook_url, settings.prometheus),
            *(settings.sources, settings.presets, settings.image_registries),
            *(settings.guardrail_exceptions, settings.project_defaults, settings.session_key),
        ):
            try:
                read()
            except SettingsError as error:
                said += [str(error), repr(error)]
    except SettingsError as error:
        said += [str(error), repr(error)]
    assert CANARY not in "".join(said)
