/* Markup: what only shows, as one component of Dash. The server sends the same elements as ever;
   here React draws them itself. As components of Dash each element would have a wrapper with a
   subscription to the page's state: a table of three pods took a tenth of a second to change. */
(function () {
  "use strict";
  const el = window.React.createElement;

  /* As Dash writes an element (the first time, with the page), or shorter (each time after). */
  function parts(node) {
    if (node.t) return [node.t, node.c, node.p];
    const { children, ...props } = node.props;
    return [node.type, children, props];
  }

  function draw(node) {
    if (Array.isArray(node)) return node.map(draw);
    if (node === null || typeof node !== "object") return node;
    const [type, children, properties] = parts(node);
    // Spread: React wants keys in lists, and these are elements in their places.
    return el(type.toLowerCase(), properties, ...(Array.isArray(children) ? children : [children]).map(draw));
  }

  function Markup({ id, content, setProps, ...properties }) {
    return el("div", { id, ...properties }, ...[content].flat().map(draw));
  }

  window.portal_components = Object.assign(window.portal_components ?? {}, { Markup });
})();
