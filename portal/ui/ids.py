"""Ids of components, for pages, live views and browser tests.

Element ids are stable and meant to be used by browser tests:

========================  =====================================================================
``page``                  the current page's container; its first child carries ``data-live-view``
                          (the topic: ``apps``, ``admin``, ``app/<ns>/<name>`` or empty) and
                          ``data-title``
``live-state``            the dot in the header; ``data-state`` is ``live``, ``connecting`` or
                          ``lost``
``theme-toggle``          switches between light, dark and the system's theme
``who``                   the signed-in user
``open-mode``             the banner of the open mode
``launch-<field>``        an input of the launch form; ``<field>`` as in ``releases.forms.FIELDS``
                          (sliders: the wrapper; the number box in it is an ``input``)
``launch-note-<field>``   the message beside that field (``data-kind`` ``error`` or ``warning``)
``launch-target_cpu-on``  switch of the CPU target (``launch-target_memory-on`` likewise)
``launch-values``         the values YAML; ``launch-helm-command`` the helm command
``launch-existing``       notice of an existing release; ``launch-submit`` the button
``launch-failure``        error of a launch that was refused
``project-field-<name>``  an input of a project's form (``project-note-<name>`` its message);
                          ``project-yaml`` its manifests, ``project-save`` the button,
                          ``project-failure`` its answer; ``project-delete`` asks first
``launch-connect``        services to connect to; choosing one adds to ``launch-env``
``launch-open``           fills the form in from a file (``launch-opened`` shows the result),
                          ``launch-save`` saves one, ``launch-link`` copies a link
``launch-image-panel``    what is known of the image (``data-testid="image-panel"``): its sentences
                          have ``data-severity``; ``launch-image-tag-<tag>``, ``launch-image-pin``,
                          ``launch-image-again`` its buttons
``launch-image-offer``    ``launch-image-port`` and ``launch-image-use`` fill in what suits it;
                          ``launch-made-with`` says what it was made with
``upgrade-confirm``       confirms the upgrade of an existing app; ``upgrade-cancel``
``preset-<name>``         ``data-testid`` of a preset's tile
``chart-form``            a chart's form; its parts have ids of a type and a path of values
                          (``chart_part``); ``chart-yaml`` is the text, ``chart-yaml-note`` why it
                          cannot be read, ``chart-submit``, ``chart-save``, ``chart-open``,
                          ``chart-link`` its buttons, ``chart-version`` the version
``chart-preset-<name>``   ``data-testid`` of a tile of starting values
``app-connect``           ``data-testid`` of the link that connects a new app to this one
``app-header``            name, badge (``data-testid="headline"``), sentence
``app-urls``              the addresses (``data-testid="app-url"`` on the links)
``app-operation``         steps of the newest operation (``data-testid="operation"``,
                          ``data-state`` running, succeeded or failed)
``app-replicas``          the counts: ``data-testid`` ``replicas-ready``, ``-current``, ``-desired``
``app-autoscaler``        the autoscaler; metrics are ``data-testid="metric-<name>"``
``app-pods``              the pods; a row is ``data-testid="pod"`` with ``data-name``
``app-chart``             the live chart
``scale-auto``            the scale card's switch; ``scale-replicas``, ``scale-bounds``,
                          ``scale-target_cpu``, ``scale-target_memory`` its sliders,
                          ``scale-apply`` its button, ``scale-message`` its answer
``app-autoscaling``       leads to the page of the app's autoscaler: ``autoscaling-why`` has the
                          last decision (``data-testid="decision"``) and its steps,
                          ``autoscaling-next`` the next one and the grades of predictions,
                          ``autoscaling-pods`` what each pod counted as,
                          ``autoscaling-reaction`` each step from the load to a ready pod
``what-if-<setting>``     a control of the replay; ``what-if-figures`` the figures side by side,
                          ``what-if-keep`` keeps the settings, ``data-testid="use-these"`` takes
                          them into the form
``hand-over-to``          who becomes the owner, ``hand-over-keep`` what the former one keeps,
                          ``hand-over-ask`` opens the dialog (``hand-over-terms``), whose
                          ``hand-over-confirm`` does it
``app-edit``              opens the launch form, filled in
``version-line``          the chart version and newer ones (hidden otherwise);
                          ``version-open`` lets one be chosen: ``version-choice``, with
                          ``version-preview``, ``version-confirm`` and ``version-cancel``
``app-gone``              message that there is no such release (empty otherwise)
``app-retry``             after a launch that left no release (hidden otherwise): ``app-correct``
                          opens the form as it was sent, ``app-dismiss`` discards it
``app-cancel``            cancels the operation (``app-cancelling`` around it is hidden otherwise)
``app-unlock``            unlocks a release that Helm left pending (``app-unlocking`` likewise)
``history-fold``          opens the history; a revision is ``data-testid="revision"`` with
                          ``data-revision`` and ``data-status``
``manifest-fold``         opens the manifest, ``manifest-text``
``rollback-preview``      preview of a rollback (``data-testid="preview"``, ``data-possible``);
                          ``rollback-confirm``, ``rollback-cancel``. ``upgrade-preview`` likewise
``app-uninstall``         opens the confirmation; ``uninstall-confirm``, ``uninstall-cancel``
``objects-tree``          the tree of a release's objects; a node is ``data-testid="object"`` with
                          ``data-kind``, ``data-name``; ``object-detail`` the one that is opened,
                          ``object-again`` reads it once more
``audit-verify``          checks the chain of the audit trail, ``audit-verdict`` is its answer; an
                          entry is ``data-testid="audit-entry"`` with ``data-position``
``top``                   a pod's processes; a row is ``data-testid="process"`` with ``data-pid``
``terminal``              a pod's shell; ``data-state`` is ``open``, ``closed`` or ``connecting``;
                          ``shell-open``, ``shell-debug`` its buttons, ``shell-words`` its state
``releases``              the table of Apps and Admin; a row is ``data-testid="release"`` with
                          ``data-name``, its cells are ``.col-<column>``
``releases-search``       its search; ``releases-namespace`` and ``releases-owner`` its filters
``releases-statuses``     links that filter it by status (``data-status``)
``releases-pages``        range of rows shown; links with ``data-page``
========================  =====================================================================
"""

from __future__ import annotations

import json

# The shell around every page.
LOCATION = "location"
PAGE = "page"
WHO = "who"
SIGN_OUT = "sign-out"
NAV = "nav"
THEME = "theme"
NOTIFY_TOGGLE = "notify-toggle"
MINE = "mine"
THEME_TOGGLE = "theme-toggle"
LIVE_STATE = "live-state"
OPEN_MODE = "open-mode"

# Launch.
LAUNCH_SUBMIT = "launch-submit"
LAUNCH_VALUES = "launch-values"
LAUNCH_COST = "launch-cost"
LAUNCH_COMMAND = "launch-helm-command"
LAUNCH_EXISTING = "launch-existing"
LAUNCH_FAILURE = "launch-failure"
LAUNCH_PROBLEMS = "launch-problems"
LAUNCH_EXISTING_KEY = "launch-existing-key"
LAUNCH_EDITED_REVISION = "launch-edited-revision"
LAUNCH_NAME_LEFT = "launch-name-left"
LAUNCH_FIXED = "launch-fixed"
LAUNCH_SCALED = "launch-scaled"
LAUNCH_HOST = "launch-host"
LAUNCH_CLAIMS = "launch-claims"
LAUNCH_CONNECT = "launch-connect"
LAUNCH_CONNECTING = "launch-connecting"
LAUNCH_OPEN = "launch-open"
LAUNCH_OPENED = "launch-opened"
LAUNCH_SAVE = "launch-save"
LAUNCH_SAVED = "launch-saved"
LAUNCH_LINK = "launch-link"
LAUNCH_PRESETS = "launch-presets"
LAUNCH_UNFOLDED = "launch-unfolded"
LAUNCH_SIZES = "launch-sizes"
LAUNCH_IMAGE_PANEL = "launch-image-panel"
LAUNCH_IMAGE = "launch-image"
LAUNCH_IMAGE_OFFER = "launch-image-offer"
LAUNCH_IMAGE_ASKED = "launch-image-asked"
LAUNCH_IMAGE_ANSWER = "launch-image-answer"
LAUNCH_IMAGE_FOUND = "launch-image-found"
LAUNCH_TAGS = "launch-tags"
LAUNCH_MADE_WITH = "launch-made-with"
PRESET = "preset"


def share_with(role: str) -> str:
    """The input for those with whom an app is shared in a role."""
    return f"share-{role}"


def share_note(role: str) -> str:
    """The message beside that input."""
    return f"share-note-{role}"


def link_revoke(link: str) -> dict[str, str]:
    """The button that ends a link."""
    return {"type": LINK_REVOKE, "link": link}


def people_revoke(binding: str) -> dict[str, str]:
    """The button that takes a role back."""
    return {"type": PEOPLE_REVOKE, "binding": binding}


def session_end(session: str) -> dict[str, str]:
    """The button that ends a session."""
    return {"type": SESSION_END, "session": session}


def launch(field: str) -> str:
    """The input of a field of the launch form."""
    return f"launch-{field}"


def launch_on(field: str) -> str:
    """The switch of a field that can be off."""
    return f"launch-{field}-on"


def launch_mark(section: str) -> str:
    """The mark in the title of a folded section of the launch form."""
    return f"launch-mark-{section.lower()}"


def launch_note(field: str) -> str:
    """The message beside a field of the launch form."""
    return f"launch-note-{field}"


def preset(name: str) -> dict[str, str]:
    """A preset's tile."""
    return {"type": PRESET, "name": name}


# App.
APP_KEY = "app-key"
APP_HEADER = "app-header"
APP_BODY = "app-body"
APP_GONE = "app-gone"
APP_BUTTONS = "app-buttons"
APP_URLS = "app-urls"
APP_STALE = "app-stale"
APP_OPERATION = "app-operation"
APP_NOTICES = "app-notices"
APP_REPLICAS = "app-replicas"
APP_AUTOSCALER = "app-autoscaler"
APP_PODS = "app-pods"
APP_TIMELINE = "app-timeline"
TIMELINE_FILTER = "timeline-filter"
APP_LOGS = "app-logs"
APP_NOTES = "app-notes"
APP_VALUES = "app-values"
APP_REVISION = "app-revision"
APP_SERIES = "app-series"
APP_SERIES_TAIL = "app-series-tail"
APP_CHART = "app-chart"
APP_MARKS = "app-marks"
APP_RANGE = "app-range"
APP_LONG_SERIES = "app-long-series"
APP_RANGE_FAILURE = "app-range-failure"
APP_EDIT = "app-edit"
APP_UNINSTALL = "app-uninstall"
APP_RETRY = "app-retry"
APP_CANCELLING = "app-cancelling"
APP_CANCEL = "app-cancel"
APP_UNLOCKING = "app-unlocking"
APP_UNLOCK = "app-unlock"
APP_CORRECT = "app-correct"
APP_DISMISS = "app-dismiss"
APP_ACTION_FAILURE = "app-action-failure"
APP_HISTORY = "app-history"
APP_MANIFEST = "app-manifest"
APP_SHARING = "app-sharing"
APP_SHARED = "app-shared"
SHARE_SAVE = "share-save"
SHARE_MESSAGE = "share-message"

APP_LINKS = "app-links"
LINK_LASTS = "link-lasts"
LINK_NOTE = "link-note"
LINK_MAKE = "link-make"
LINK_MADE = "link-made"
LINKS_SHOW = "links-show"
LINKS_LIST = "links-list"
LINK_REVOKE = "link-revoke"

SESSIONS = "sessions"
SESSION_END = "session-end"

PEOPLE_SHOW = "people-show"
PEOPLE_LIST = "people-list"
PEOPLE_WHO = "people-who"
PEOPLE_WHO_NOTE = "people-who-note"
PEOPLE_ROLE = "people-role"
PEOPLE_ROLE_NOTE = "people-role-note"
PEOPLE_GRANT = "people-grant"
PEOPLE_MESSAGE = "people-message"
PEOPLE_REVOKE = "people-revoke"

APP_HAND_OVER = "app-hand-over"
APP_PEOPLE = "app-people"
HAND_OVER_TO = "hand-over-to"
HAND_OVER_TO_NOTE = "hand-over-to-note"
HAND_OVER_ROLE = "hand-over-role"
HAND_OVER_ROLE_NOTE = "hand-over-role-note"
HAND_OVER_KEEP = "hand-over-keep"
HAND_OVER_KEEP_NOTE = "hand-over-keep-note"
HAND_OVER_ASK = "hand-over-ask"
HAND_OVER_MESSAGE = "hand-over-message"
HAND_OVER_MODAL = "hand-over-modal"
HAND_OVER_TERMS = "hand-over-terms"
HAND_OVER_FAILURE = "hand-over-failure"
HAND_OVER_CONFIRM = "hand-over-confirm"
HAND_OVER_CANCEL = "hand-over-cancel"

VERSION_LINE = "version-line"
VERSION_WORDS = "version-words"
VERSION_OPEN = "version-open"
VERSION_MODAL = "version-modal"
VERSION_CHOICE = "version-choice"
VERSION_PREVIEW = "version-preview"
VERSION_PLAN = "version-plan"
VERSION_FAILURE = "version-failure"
VERSION_CONFIRM = "version-confirm"
VERSION_CANCEL = "version-cancel"

SCALE_LIVE = "scale-live"
SCALE_BASE = "scale-base"
SCALE_NOW = "scale-now"
SCALE_COST = "scale-cost"
SCALE_AUTO = "scale-auto"
SCALE_REPLICAS = "scale-replicas"
SCALE_BOUNDS = "scale-bounds"
SCALE_FIXED_PART = "scale-fixed-part"
SCALE_AUTO_PART = "scale-auto-part"
SCALE_CONTROLS = "scale-controls"
SCALE_READ_ONLY = "scale-read-only"
SCALE_APPLY = "scale-apply"
SCALE_RESET = "scale-reset"
SCALE_MESSAGE = "scale-message"


def scale_target(metric: str) -> str:
    """The slider of a target (``cpu``, ``memory``) in the scale card."""
    return f"scale-target_{metric}"


def scale_target_on(metric: str) -> str:
    """The switch of a target in the scale card."""
    return f"scale-target_{metric}-on"


UPGRADE_MODAL = "upgrade-modal"
UPGRADE_WORDS = "upgrade-words"
UPGRADE_PREVIEW = "upgrade-preview"
UPGRADE_PREVIEWED = "upgrade-previewed"
UPGRADE_CONFIRM = "upgrade-confirm"
UPGRADE_CANCEL = "upgrade-cancel"

APP_REMEDIES = "app-remedies"
APP_UNINSTALL_AGAIN = "app-uninstall-again"
APP_REMOVING = "app-removing"

LOAD_TEST_OFFER = "load-test-offer"
LOAD_TEST_OPEN = "load-test-open"
LOAD_TEST_MODAL = "load-test-modal"
LOAD_TEST_TARGET = "load-test-target"
LOAD_TEST_SHAPE = "load-test-shape"
LOAD_TEST_RATE = "load-test-rate"
LOAD_TEST_SECONDS = "load-test-seconds"
LOAD_TEST_PATH = "load-test-path"
LOAD_TEST_LEFT = "load-test-left"
LOAD_TEST_WORDS = "load-test-words"
LOAD_TEST_FAILURE = "load-test-failure"
LOAD_TEST_CANCEL = "load-test-cancel"
LOAD_TEST_CONFIRM = "load-test-confirm"
LOAD_TEST_PANEL = "load-test-panel"
LOAD_TEST_RUNS = "load-test-runs"
LOAD_TEST_STOPPING = "load-test-stopping"
LOAD_TEST_STOP = "load-test-stop"
LOAD_TEST_STOP_MESSAGE = "load-test-stop-message"
PLAIN_ACTION = "plain-action"
PLAIN_NAME = "plain-name"
PLAIN_MODAL = "plain-modal"
PLAIN_TITLE = "plain-title"
PLAIN_PREVIEW = "plain-preview"
PLAIN_FAILURE = "plain-failure"
PLAIN_CONFIRM = "plain-confirm"
PLAIN_CANCEL = "plain-cancel"


def plain_offer(name: str) -> str:
    """The live part that holds the button of an action."""
    return f"plain-offer_{name}"


def plain_action(name: str) -> dict[str, str]:
    """The button of an action that needs only a confirmation."""
    return {"type": PLAIN_ACTION, "name": name}


UNINSTALL_MODAL = "uninstall-modal"
UNINSTALL_CONFIRM = "uninstall-confirm"
UNINSTALL_CANCEL = "uninstall-cancel"
UNINSTALL_FAILURE = "uninstall-failure"
UNINSTALL_LEFT = "uninstall-left"

ADVICE = "advice"
ADVICE_FOLD = "advice-fold"
ADVICE_WANTED = "advice-wanted"
ADVICE_AGAIN = "advice-again"

HISTORY = "history"
HISTORY_FOLD = "history-fold"
HISTORY_WANTED = "history-wanted"
MANIFEST = "manifest"
MANIFEST_FOLD = "manifest-fold"
MANIFEST_TEXT = "manifest-text"
MANIFEST_WANTED = "manifest-wanted"
ROLL_BACK = "roll-back"
# The objects of a release.
APP_OBJECTS = "app-objects"
OBJECTS_HEAD = "objects-head"
OBJECTS_STALE = "objects-stale"
OBJECTS_TREE = "objects-tree"
# The audit trail.
AUDIT_VERIFY = "audit-verify"
AUDIT_VERDICT = "audit-verdict"

OBJECT_ASKED = "object-asked"
OBJECT_DETAIL = "object-detail"
OBJECT_AGAIN = "object-again"

# The autoscalers of an app.
APP_AUTOSCALING = "app-autoscaling"
AUTOSCALING_NAME = "autoscaling-name"
AUTOSCALING_HEAD = "autoscaling-head"
AUTOSCALING_STALE = "autoscaling-stale"
AUTOSCALING_NONE = "autoscaling-none"
AUTOSCALING_SCALERS = "autoscaling-scalers"
AUTOSCALING_BODY = "autoscaling-body"
AUTOSCALING_WHY = "autoscaling-why"
AUTOSCALING_PODS = "autoscaling-pods"
AUTOSCALING_NEXT = "autoscaling-next"
AUTOSCALING_REACTION = "autoscaling-reaction"
AUTOSCALING_CHART = "autoscaling-chart"
AUTOSCALING_SERIES = "autoscaling-series"
AUTOSCALING_SERIES_TAIL = "autoscaling-series-tail"
AUTOSCALING_MARKS = "autoscaling-marks"
WHAT_IF_ASKED = "what-if-asked"
WHAT_IF_NOW = "what-if-now"
WHAT_IF_KEPT = "what-if-kept"
WHAT_IF_CURVES = "what-if-curves"
WHAT_IF_FIGURES = "what-if-figures"
WHAT_IF_KEEP = "what-if-keep"
WHAT_IF_FORGET = "what-if-forget"
WHAT_IF_RESET = "what-if-reset"
WHAT_IF_BASE = "what-if-base"
WHAT_IF_MANIFEST = "what-if-manifest"
WHAT_IF_VALUES = "what-if-values"


def what_if(name: str) -> str:
    """A control of the replay."""
    return f"what-if-{name}"


def shape(place: str, name: str) -> str:
    """A part of the panel of made-up loads, which two pages have."""
    return f"{place}-shape-{name}"


def shape_note(place: str, name: str) -> str:
    """The place of the message of a field of that panel."""
    return f"{place}-shape-{name}-note"


# The processes and the shell of a pod.
TOP = "top"
TOP_PLACE = "top-place"
TOP_EVERY = "top-every"
TERMINAL = "terminal"
SHELL_OPEN = "shell-open"
SHELL_DEBUG = "shell-debug"
SHELL_WORDS = "shell-words"

APP_WAYS_OUT = "app-ways-out"
APP_FIX = "app-fix"
APP_BACK = "app-back"
APP_BACK_TO = "app-back-to"
ROLLBACK_MODAL = "rollback-modal"
ROLLBACK_NAME = "rollback-name"
ROLLBACK_TO = "rollback-to"
ROLLBACK_PREVIEWED = "rollback-previewed"
ROLLBACK_PREVIEW = "rollback-preview"
ROLLBACK_FAILURE = "rollback-failure"
ROLLBACK_CONFIRM = "rollback-confirm"
ROLLBACK_CANCEL = "rollback-cancel"


def roll_back(revision: int) -> dict[str, object]:
    """The button that rolls back to a revision."""
    return {"type": ROLL_BACK, "revision": revision}


# Catalog: a chart's form.
CHART_PLACE = "chart-place"
CHART_BASIS = "chart-basis"
CHART_EXISTING_KEY = "chart-existing-key"
CHART_NAME_LEFT = "chart-name-left"
CHART_NAME = "chart-name"
CHART_NAMESPACE = "chart-namespace"
CHART_VERSION = "chart-version"
CHART_FORM = "chart-form"
CHART_YAML = "chart-yaml"
CHART_YAML_NOTE = "chart-yaml-note"
CHART_PROBLEMS = "chart-problems"
CHART_NEEDED = "chart-needed"
CHART_EXISTING = "chart-existing"
CHART_FAILURE = "chart-failure"
CHART_SUBMIT = "chart-submit"
CHART_LINK = "chart-link"
CHART_SAVE = "chart-save"
CHART_SAVED = "chart-saved"
CHART_OPEN = "chart-open"
CHART_MODAL = "chart-modal"
CHART_PREVIEW = "chart-preview"
CHART_PREVIEWED = "chart-previewed"
CHART_CONFIRM = "chart-confirm"
CHART_CANCEL = "chart-cancel"
CHART_PRESETS = "chart-presets"
CHART_PRESET = "chart-preset"


def chart_preset(name: str) -> dict[str, str]:
    """The tile of a chart's preset."""
    return {"type": CHART_PRESET, "name": name}


def chart_part(kind: str, path: str) -> dict[str, str]:
    """A part of a chart's form at a path of values.

    ``kind``: chart-field, chart-note, chart-add, chart-remove or chart-choose.
    """
    return {"type": kind, "path": path}


def text_of(id: dict[str, str]) -> str:
    """The text that Dash's renderer makes of an id that is a dictionary."""
    return json.dumps(id, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


# Apps and Admin.
RELEASES = "releases"
RELEASES_SUMMARY = "releases-summary"
RELEASES_SEARCH = "releases-search"
RELEASES_EMPTY = "releases-empty"
RELEASES_PANEL = "releases-panel"
RELEASES_STALE = "releases-stale"
RELEASES_NAMESPACE = "releases-namespace"
RELEASES_OWNER = "releases-owner"
RELEASES_STATUSES = "releases-statuses"
RELEASES_PAGES = "releases-pages"


# Projects.
PROJECT_OPENED = "project-opened"
PROJECT_REQUEST = "project-request"
PROJECT_MANIFESTS = "project-yaml"
PROJECT_DOWNLOAD = "project-download"
PROJECT_DOWNLOADED = "project-downloaded"
PROJECT_SAVE = "project-save"
PROJECT_FAILURE = "project-failure"
PROJECT_DELETE = "project-delete"
PROJECT_DELETE_MODAL = "project-delete-modal"
PROJECT_DELETE_CANCEL = "project-delete-cancel"
PROJECT_DELETE_CONFIRM = "project-delete-confirm"
PROJECT_DELETE_FAILURE = "project-delete-failure"
PROJECT_HIDE = "project-hide"
PROJECT_ASK = "project-ask"
PROJECT_ASKING = "project-asking"
PROJECT_ASK_MESSAGE = "project-ask-message"
PROJECT_WITHDRAW = "project-withdraw"
PROJECT_DECLINE = "project-decline"
PROJECT_DECLINE_MESSAGE = "project-decline-message"


def project(field: str) -> str:
    """The id of a field of a project's form, or of asking for one."""
    return f"project-field-{field}"


def project_note(field: str) -> str:
    """The id of the place of its message."""
    return f"project-note-{field}"
