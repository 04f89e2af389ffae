/* Markup: static content as one Dash component, drawn by React. As a Dash component each element
   would have a wrapper that subscribes to the page's state: a table of three pods took 0.1 s. */
(function () {
  "use strict";
  const el = window.React.createElement;

  /* An element in Dash's form (with the page) or in the short form (in frames). */
  function parts(node) {
    if (node.t) return [node.t, node.c, node.p];
    const { children, ...props } = node.props;
    return [node.type, children, props];
  }

  function draw(node) {
    if (Array.isArray(node)) return node.map(draw);
    if (node === null || typeof node !== "object") return node;
    const [type, children, properties] = parts(node);
    // Spread as arguments, since React wants keys for elements in lists.
    return el(type.toLowerCase(), properties, ...(Array.isArray(children) ? children : [children]).map(draw));
  }

  function Markup({ id, content, setProps, ...properties }) {
    return el("div", { id, ...properties }, ...[content].flat().map(draw));
  }

  window.portal_components = Object.assign(window.portal_components ?? {}, { Markup });
})();
