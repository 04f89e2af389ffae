/* Parts of a page that are read only while they are open. */
(function () {
  "use strict";
  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.portal = Object.assign(window.dash_clientside.portal || {}, {
    /* Each click opens or closes the part; while it is open each new revision is requested once. */
    wantedWhileOpen(clicks, revision, wanted) {
      const open = Boolean(clicks && clicks % 2);
      if (!open || revision === wanted) return window.dash_clientside.no_update;
      return revision;
    },
  });
})();
