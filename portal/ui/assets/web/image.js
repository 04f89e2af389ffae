/* The image in the launch form: when its registry is asked, and buttons that fill in fields. */
(function () {
  "use strict";
  const QUIET = 600; // milliseconds without a key before the registry is asked
  const ASKED = "launch-image-asked";
  const ANSWER = "launch-image-answer";
  const FOUND = "launch-image-found";
  let wanted = ""; // what the fields hold
  let timer = 0;
  let picked = false; // by a button: nobody goes on typing

  const data = (id) => window.dash_component_api?.getLayout(id)?.props?.data;
  const put = (id, props) => window.dash_clientside.set_props(id, props);
  const there = () => Boolean(document.getElementById("launch-image"));
  const look = (answer) => (answer?.asked === wanted ? "image-panel" : "image-panel waiting");

  function ask(again) {
    if (there() && (again || data(ASKED) !== wanted)) put(ASKED, { data: wanted });
  }

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.portal = Object.assign(window.dash_clientside.portal || {}, {
    /* Asks when typing stops. What is shown belongs to the fields, or is hidden. */
    imageTyped(...fields) {
      wanted = JSON.stringify(fields.map((each) => (each ?? "").trim()));
      clearTimeout(timer);
      timer = setTimeout(ask, picked ? 0 : QUIET);
      picked = false;
      return look(data(ANSWER));
    },

    /* Hands an answer on to the form's check; one for another text is dropped. */
    imageAnswered(answer) {
      put(FOUND, { data: answer?.asked === wanted ? answer : null });
      return look(answer);
    },
  });

  /* Lines of variables are the same if their names are. */
  const name = (line) => line.split("=")[0].trim();

  function fill(id, content) {
    if (!Array.isArray(content)) return put(id, { value: content });
    const text = window.dash_component_api?.getLayout(id)?.props?.value ?? "";
    const lines = text.split("\n").filter((each) => each.trim());
    const names = new Set(lines.map(name));
    put(id, { value: [...lines, ...content.filter((each) => !names.has(name(each)))].join("\n") });
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-fill]");
    if (button && !button.closest(".waiting")) {
      picked = true;
      for (const [id, content] of Object.entries(JSON.parse(button.dataset.fill))) fill(id, content);
    }
    if (event.target.closest("[data-look-again]")) {
      document.getElementById("launch-image-panel").className = "image-panel waiting";
      ask(true);
    }
  });
})();
