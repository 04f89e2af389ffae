/* What a page reads only while somebody has it open. */
(function () {
  "use strict";
  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.portal = Object.assign(window.dash_clientside.portal || {}, {
    /* Every click on the line opens or closes; open, each new revision is asked for once. */
    wantedWhileOpen(clicks, revision, wanted) {
      const open = Boolean(clicks && clicks % 2);
      if (!open || revision === wanted) return window.dash_clientside.no_update;
      return revision;
    },
  });
})();
