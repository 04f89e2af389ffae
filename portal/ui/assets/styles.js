/* Styles that libraries write as text: the Content-Security-Policy lets none of them apply. Here they
   are put through the CSS object model instead, which only scripts can reach, never markup. Loaded
   before the libraries. */
(function () {
  "use strict";
  /* Takes the place of <style>: its text is a sheet of the document for as long as it is in it. */
  class TextStyle extends HTMLElement {
    #sheet = new CSSStyleSheet();
    #observer = new MutationObserver(() => this.#read());

    #read() {
      this.#sheet.replaceSync(this.textContent);
    }

    connectedCallback() {
      this.hidden = true;
      this.#read();
      this.#observer.observe(this, { childList: true, characterData: true, subtree: true });
      if (!document.adoptedStyleSheets.includes(this.#sheet)) {
        document.adoptedStyleSheets = [...document.adoptedStyleSheets, this.#sheet];
      }
    }

    disconnectedCallback() {
      this.#observer.disconnect();
      document.adoptedStyleSheets = document.adoptedStyleSheets.filter((each) => each !== this.#sheet);
    }
  }
  customElements.define("text-style", TextStyle);

  const { createElement } = Document.prototype;
  Document.prototype.createElement = function (name, ...options) {
    return createElement.call(this, String(name).toLowerCase() === "style" ? "text-style" : name, ...options);
  };

  const { setAttribute } = Element.prototype;
  Element.prototype.setAttribute = function (name, value) {
    if (String(name).toLowerCase() === "style" && this.style) this.style.cssText = value;
    else setAttribute.call(this, name, value);
  };
})();
