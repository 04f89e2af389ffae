/* The viewer of logs, in each element with data-logs: a page of its own, or a fold of the app's page
   while that is open. Only what is in sight is drawn. */
(function () {
  "use strict";
  const { Lines, segments, classes, unfolded, summary, rows, MARK } = window.portalLogs;
  const LINE = 20; // pixels of a row
  const MORE = 20; // rows drawn above and below what is in sight
  const NARROW = 620; // pixels below which time and pod stand above the text
  const SILENT_AFTER = 45000; // the server sends a heartbeat every 20 s
  const LONGEST_WAIT = 15000;
  const RESTS_AFTER = 300000; // a tab hidden for longer reads nothing
  const SPEAK_EVERY = 5000;
  const FAST = 5; // lines in that time that can still be read out
  const INFLATE = "deflate-raw";
  const LEVELS = ["", "trace", "debug", "info", "warn", "error", "fatal", "mark"];
  const BEGIN = [
    ["", "Last 500 lines"], ["2000", "Last 2,000 lines"], ["5000", "Last 5,000 lines"],
    ["5m", "Last 5 minutes"], ["15m", "Last 15 minutes"], ["1h", "Last hour"], ["6h", "Last 6 hours"],
  ];
  const SECONDS = { m: 60, h: 3600 };
  const SWITCHES = [
    ["only", "Only matches", "Leave out lines that do not match the search"],
    ["previous", "Previous run", "The log of the run before the last restart"],
    ["wrap", "Wrap", "Break long lines"],
    ["times", "Times", "Show the time of each line"],
    ["json", "Fields", "Show lines in JSON as a message and fields"],
  ];
  const OPENING = { pod: "", container: "", begin: "", level: "", q: "", only: "", previous: "", wrap: "", times: "1", json: "" };

  const number = (value) => value.toLocaleString("en-US");
  const amount = (value, what) => `${number(value)} ${what}${value === 1 ? "" : "s"}`;

  function make(tag, className = "", attributes = {}, ...children) {
    const element = document.createElement(tag);
    if (className) element.className = className;
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  const icon = (name) => make("i", `icon icon-${name}`, { "aria-hidden": "true" });

  function put(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }

  /* The lowest index before count for which test is true, by halves; count if there is none. */
  function lowest(count, test) {
    let low = 0;
    let high = count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (test(middle)) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  class Viewer {
    constructor(root) {
      this.root = root;
      this.own = root.dataset.logs === "page";
      this.app = { namespace: root.dataset.namespace, name: root.dataset.name };
      this.view = { ...OPENING };
      if (this.own)
        for (const [name, text] of new URLSearchParams(location.search))
          if (name in OPENING) this.view[name] = text.slice(0, 300);
      this.lines = new Lines();
      this.sources = new Map();
      this.places = new Map(); // a source's number, for its colour
      this.drawn = new Map();
      this.follows = true;
      this.paused = null; // the lines that are shown while it is paused
      this.missed = 0;
      this.dropped = 0;
      this.rate = [];
      this.attempts = 0;
      this.widest = 0;
      this.placed = 0; // where the list was last scrolled to
      this.build();
      this.settle();
      this.connect(false);
      this.timer = setInterval(() => this.tick(), 1000);
      this.resized = new ResizeObserver(() => this.measure());
      this.resized.observe(this.box);
    }

    close() {
      clearInterval(this.timer);
      clearTimeout(this.again);
      this.resized.disconnect();
      this.over = true;
      this.socket?.close();
      this.root.replaceChildren();
    }

    /* The controls and the list. */
    build() {
      const id = (name) => `log-${name}`;
      const help = [];
      const select = (name, label, hint, options) => {
        help.push([label, hint]);
        const control = make("select", "form-select form-select-sm", { id: id(name) });
        control.append(...options.map(([value, text]) => make("option", "", { value }, text)));
        control.onchange = () => this.change(name, control.value);
        return [control, make("label", "log-field", { for: id(name) }, make("span", "", {}, label), control)];
      };
      let field;
      const bar = make("div", "log-bar");
      [this.pods, field] = select("pod", "Pod", "One running copy of the app, or all merged by time", [["", "All pods"]]);
      bar.append(field);
      [this.containers, field] = select("container", "Container", "A program in the pod: the app, a sidecar, or an init container, which runs before the app", [["", "All containers"]]);
      bar.append(field);
      [this.begin, field] = select("begin", "From", "How far back the log is read before it is followed", BEGIN);
      bar.append(field);
      [this.level, field] = select("level", "Level", "Lines whose level is recognised as this or a graver one", [["", "All levels"], ["debug", "Debug and above"], ["info", "Info and above"], ["warn", "Warnings and errors"], ["error", "Errors"]]);
      bar.append(field);
      this.search = make("input", "form-control form-control-sm", { id: id("q"), type: "search", placeholder: "Search", maxlength: "200", autocomplete: "off", spellcheck: "false" });
      this.search.oninput = () => this.change("q", this.search.value);
      this.search.onkeydown = (event) => {
        if (event.key !== "Enter") return;
        event.preventDefault();
        this.jump(event.shiftKey ? -1 : 1);
      };
      this.found = make("span", "log-found", { id: id("found") });
      this.search.setAttribute("aria-describedby", id("found"));
      const label = make("label", "", { for: id("q") }, "Search");
      bar.append(make("div", "log-field log-search", {}, label, this.search, this.found));
      this.switches = {};
      const switches = make("div", "log-switches");
      for (const [name, label, title] of SWITCHES) {
        const box = make("input", "form-check-input", { id: id(name), type: "checkbox" });
        box.onchange = () => this.change(name, box.checked ? "1" : "");
        this.switches[name] = box;
        switches.append(make("label", "log-switch", { title }, box, make("span", "", {}, label)));
      }
      const button = (name, label, image, action) => {
        const made = make("button", "btn btn-sm btn-outline-secondary", { type: "button", id: id(name) }, icon(image), make("span", "", {}, label));
        made.onclick = action;
        return made;
      };
      this.pause = button("pause", "Pause", "clock", () => this.hold(!this.paused));
      this.clear = button("clear", "Clear", "close", () => this.empty());
      this.download = make("a", "btn btn-sm btn-outline-secondary", { id: id("download"), download: "" }, icon("save"), make("span", "", {}, "Download"));
      this.link = make("button", "btn btn-sm btn-outline-secondary", { type: "button", id: id("link"), "data-copy-link": "" }, icon("link"), make("span", "copy-word", {}, "Copy link"));
      const buttons = make("div", "log-buttons", {}, this.pause, this.clear, this.download, this.link);
      help.push(...SWITCHES.map(([, label, title]) => [label, title]));
      const terms = help.flatMap(([label, text]) => [make("dt", "", {}, label), make("dd", "", {}, text)]);
      const about = make("summary", "", { "aria-label": "Help on the log's controls", title: "Help" }, icon("help"));
      buttons.append(make("details", "help", { "data-help": "logs" }, about, make("dl", "", {}, ...terms)));
      if (!this.own) {
        this.apart = make("a", "btn btn-sm btn-outline-secondary", { "data-inside": "" }, icon("open"), make("span", "", {}, "Larger"));
        buttons.append(this.apart);
      }
      this.state = make("div", "log-state");
      this.notes = make("ul", "log-notes");
      this.notes.hidden = true;
      this.list = make("div", "log-rows");
      this.space = make("div", "log-space", {}, this.list);
      this.box = make("div", "log-box", { role: "log", "aria-live": "off", "aria-label": `Log of ${this.app.name}`, tabindex: "0" }, this.space);
      this.empties = make("p", "log-empty");
      this.newer = make("button", "btn btn-sm btn-primary log-newer", { type: "button" });
      this.newer.hidden = true;
      this.newer.onclick = () => { this.hold(false); this.toEnd(); this.box.focus({ preventScroll: true }); };
      this.spoken = make("div", "visually-hidden", { role: "status" });
      this.ruler = make("span", "log-ruler", { "aria-hidden": "true" }, "0".repeat(50));
      const frame = make("div", "log-frame", {}, this.box, this.empties, this.newer, this.ruler);
      this.root.replaceChildren(bar, make("div", "log-tools", {}, switches, buttons), this.state, this.notes, frame, this.spoken);
      this.box.addEventListener("scroll", () => this.scrolled(), { passive: true });
      this.list.addEventListener("click", (event) => {
        const toggle = event.target.closest(".log-open");
        if (toggle) this.unfold(toggle);
      });
    }

    /* Shows the view in the controls, the address and the links. */
    settle() {
      const { view } = this;
      const controls = { pod: this.pods, container: this.containers, begin: this.begin, level: this.level };
      for (const [name, control] of Object.entries(controls)) {
        if (view[name] && ![...control.options].some((each) => each.value === view[name])) {
          if (name === "begin" || name === "level") view[name] = "";
          else control.append(make("option", "", { value: view[name] }, view[name]));
        }
        control.value = view[name];
      }
      if (this.search.value !== view.q) this.search.value = view.q;
      for (const [name, box] of Object.entries(this.switches)) box.checked = view[name] === "1";
      this.root.classList.toggle("log-wrap", view.wrap === "1");
      this.root.classList.toggle("log-timed", view.times === "1");
      const query = new URLSearchParams();
      for (const [name, text] of Object.entries(view)) if (text !== OPENING[name]) query.set(name, text || "0");
      const path = `/apps/${encodeURIComponent(this.app.namespace)}/${encodeURIComponent(this.app.name)}/logs`;
      const href = path + (query.size ? `?${query}` : "");
      if (this.own && href !== location.pathname + location.search) history.replaceState(history.state, "", href);
      this.link.dataset.copyLink = href;
      if (this.apart) this.apart.setAttribute("href", href);
      this.download.setAttribute("href", `/live/logs/download?${this.asked()}`);
      const level = Math.max(0, LEVELS.indexOf(view.level));
      this.lines.narrow({ text: view.q, level, only: view.only === "1" });
      this.measure();
    }

    change(name, value) {
      this.view[name] = value;
      this.hold(false);
      this.settle();
      if (["pod", "container", "begin", "previous"].includes(name)) this.connect(false);
    }

    /* What the server is asked for. */
    asked() {
      const { pod, container, previous, begin } = this.view;
      const asked = new URLSearchParams({ ...this.app, pod, container });
      if (previous) asked.set("previous", "1");
      const unit = SECONDS[begin.slice(-1)];
      if (unit) {
        asked.set("since", String(unit * parseInt(begin, 10)));
        asked.set("tail", "5000");
      } else if (begin) asked.set("tail", begin);
      return asked;
    }

    connect(resumed) {
      clearTimeout(this.again);
      this.again = null;
      const before = this.socket;
      this.socket = null;
      before?.close();
      if (!resumed) {
        this.lines.clear();
        this.lines.seen.clear();
        this.sources.clear();
        this.dropped = 0;
        this.why = "";
        this.toEnd();
      }
      this.resumed = resumed;
      this.live = false;
      this.heard = Date.now();
      const asked = this.asked();
      if (typeof DecompressionStream === "function") asked.set("frames", "deflate");
      const scheme = location.protocol === "https:" ? "wss:" : "ws:";
      const mine = new WebSocket(`${scheme}//${location.host}/live/logs?${asked}`);
      mine.binaryType = "arraybuffer";
      this.socket = mine;
      let turn = Promise.resolve();
      mine.onmessage = ({ data }) => {
        const text = typeof data === "string" ? data : inflated(data);
        turn = turn.then(() => text).then((each) => {
          if (this.socket === mine) this.take(JSON.parse(each));
        }).catch((error) => console.error(error));
      };
      mine.onclose = ({ code }) => turn.then(() => this.lost(mine, code));
      this.plan();
    }

    lost(mine, code) {
      if (this.socket !== mine || this.over) return;
      this.socket = null;
      this.live = false;
      if (code === 1008) this.why ||= "The portal refused the connection.";
      if (!this.why && !this.rests) {
        const wait = this.attempts++ === 0 ? 1000 * Math.random() : Math.min(LONGEST_WAIT, 500 * 2 ** this.attempts) * (0.5 + Math.random() / 2);
        this.again = setTimeout(() => this.connect(true), wait);
      }
      this.plan();
    }

    take(message) {
      this.later = message.later;
      if (this.later) return; // and closes it
      this.heard = Date.now();
      this.live = true;
      this.attempts = 0;
      if (message.ended) this.why = message.ended;
      if (message.dropped) this.dropped += message.dropped;
      if (message.sources) this.know(message);
      if (message.lines) {
        const added = this.lines.add(message.lines, (id) => this.sources.get(id)?.place ?? "", message.first && this.resumed);
        if (message.first) this.resumed = true;
        else {
          this.rate.push([this.heard, added.length]);
          this.unspoken = [...(this.unspoken ?? []), ...added.slice(-FAST - 1)].slice(-FAST - 1);
        }
        if (this.paused) this.missed += added.length;
        for (const each of added) this.widest = Math.max(this.widest, each.text.length);
      }
      this.plan();
    }

    know({ sources, left, offered }) {
      this.present = sources;
      this.left = left;
      for (const each of sources) {
        const place = `${each.pod}/${each.container}`;
        if (!this.places.has(place)) this.places.set(place, { number: this.places.size, pod: each.pod, container: each.container });
        this.sources.set(each.id, { ...each, place });
      }
      const wanted = [...new Set(offered.map(([pod]) => pod))];
      const own = this.view.pod;
      const names = [...new Set(offered.filter(([pod]) => !own || pod === own).flatMap(([, each]) => each))];
      this.offer(this.pods, "All pods", wanted, own);
      this.offer(this.containers, "All containers", names, this.view.container);
    }

    offer(control, all, names, chosen) {
      const values = ["", ...new Set(chosen ? [...names, chosen] : names)];
      if ([...control.options].map((each) => each.value).join("\n") === values.join("\n")) return;
      control.replaceChildren(...values.map((value) => make("option", "", { value }, value || all)));
      control.value = chosen;
    }

    /* Pausing keeps what is shown; lines go on to be read behind it. */
    hold(on) {
      if (Boolean(this.paused) === on) return;
      this.paused = on ? this.lines.shown.slice(this.lines.shownHead) : null;
      this.missed = 0;
      this.pause.setAttribute("aria-pressed", String(on));
      put(this.pause.lastChild, on ? "Go on" : "Pause");
      this.sized = null;
      this.plan();
    }

    empty() {
      this.hold(false);
      this.lines.clear();
      this.widest = 0;
      this.dropped = 0;
      this.sized = null;
      this.follows = true;
      this.plan();
    }

    toEnd() {
      this.follows = true;
      this.plan();
    }

    scrolled() {
      const { scrollTop, scrollHeight, clientHeight } = this.box;
      const left = scrollHeight - clientHeight - scrollTop;
      if (scrollTop < this.placed - 1 && left > 1) this.follows = false; // not moved by place()
      else if (left < LINE) this.follows = true;
      this.placed = scrollTop;
      this.plan();
    }

    /* Goes to the next line that matches, or to the one before. */
    jump(step) {
      const count = this.count();
      if (!this.view.q || !count) return;
      let index = this.current ? this.indexOf(this.current) : -1;
      if (index < 0) index = step > 0 ? this.first - 1 : count;
      for (let tried = 0; tried < count; tried++) {
        index = (index + step + count) % count;
        const line = this.line(index);
        if (!line.hit) continue;
        this.current = line;
        this.follows = false;
        this.drawn.clear();
        this.list.replaceChildren();
        const top = this.top(index);
        if (top < this.box.scrollTop || top > this.box.scrollTop + this.box.clientHeight - 2 * LINE)
          this.box.scrollTop = Math.max(0, top - this.box.clientHeight / 2);
        break;
      }
      this.plan();
    }

    unfold(toggle) {
      const line = this.drawnLines.get(toggle.closest(".log-line"));
      if (!line) return;
      line.open = !line.open;
      this.drawn.delete(line);
      toggle.closest(".log-line").remove();
      this.follows = this.follows && !line.open;
      this.sized = null;
      this.refocus = line;
      this.plan();
    }

    /* Geometry: rows of a line, and the place of each. */
    count() {
      return this.paused ? this.paused.length : this.lines.shownLength;
    }

    line(index) {
      return this.paused ? this.paused[index] : this.lines.at(index);
    }

    indexOf(line) {
      const count = this.count();
      const found = lowest(count, (index) => this.line(index).number >= line.number);
      return found < count && this.line(found) === line ? found : -1;
    }

    text(line) {
      if (this.view.json !== "1" || line.level === MARK) return line.text;
      line.short ??= ((value) => (value ? summary(value) : ""))(unfolded(line.text));
      return line.short || line.text;
    }

    height(line) {
      let count = this.view.wrap === "1" ? rows(this.text(line), this.columns) : 1;
      if (line.open) count += JSON.stringify(unfolded(line.text), null, 2).split("\n").length;
      return count + (this.narrow ? 1 : 0);
    }

    /* The row at which each line begins; lines at the front go, others come at the end. */
    size() {
      const count = this.count();
      const first = count ? this.line(0) : null;
      const wanted = `${this.view.wrap}${this.view.json}${this.columns}${this.narrow}${Boolean(this.paused)}`;
      const same = this.sized && this.sized.key === wanted;
      const cut = same && first && this.sized.number !== undefined ? this.from(first) : -1;
      if (cut < 0) {
        this.sized = { key: wanted, starts: [0], number: first?.number, lines: [] };
      } else if (cut > 0) {
        this.sized.starts.splice(0, cut);
        this.sized.lines.splice(0, cut);
      }
      const { starts, lines } = this.sized;
      if (lines.length > count || (lines.length && lines[lines.length - 1] !== this.line(lines.length - 1))) {
        starts.length = 1;
        starts[0] = 0;
        lines.length = 0;
      }
      for (let index = lines.length; index < count; index++) {
        const line = this.line(index);
        lines.push(line);
        starts.push(starts[index] + this.height(line));
      }
      this.sized.number = first?.number;
      return starts;
    }

    from(first) {
      const { lines } = this.sized;
      return lines.length ? lines.indexOf(first) : 0;
    }

    top(index) {
      const starts = this.size();
      return (starts[index] - starts[0]) * LINE;
    }

    measure() {
      const wide = this.box.clientWidth;
      this.narrow = wide < NARROW;
      this.root.classList.toggle("log-narrow", this.narrow);
      const cell = this.ruler.getBoundingClientRect().width / 50 || 8;
      const before = this.narrow ? 0 : (this.view.times === "1" ? 13 : 0) + (this.labels ? 19 : 0);
      this.columns = Math.max(10, Math.floor((wide - 34) / cell) - before - 1);
      this.cell = cell;
      this.before = before;
      this.drawn.clear();
      this.list.replaceChildren();
      this.sized = null;
      this.plan();
    }

    plan() {
      if (this.planned || this.over) return;
      this.planned = requestAnimationFrame(() => {
        this.planned = null;
        if (!this.over) this.draw();
      });
    }

    draw() {
      this.say();
      const labels = new Set((this.present ?? []).map((each) => `${each.pod}/${each.container}`)).size > 1;
      if (labels !== Boolean(this.labels)) {
        this.labels = labels;
        this.root.classList.toggle("log-labelled", labels);
        this.measure();
      }
      const before = this.sized?.starts[0] ?? 0;
      const kept = this.sized?.key;
      const starts = this.size();
      const origin = starts[0];
      const count = this.count();
      const height = (starts[count] - origin) * LINE;
      this.space.style.height = `${height}px`;
      this.space.style.minWidth = this.view.wrap === "1" || !count ? "" : `${Math.ceil((this.widest + this.before + 3) * this.cell) + 34}px`;
      if (this.follows && !this.paused) this.place(height);
      else if (kept === this.sized.key && origin > before) this.place(this.box.scrollTop - (origin - before) * LINE);
      const top = this.box.scrollTop / LINE + origin;
      this.first = lowest(count, (index) => starts[index + 1] > top);
      const from = Math.max(0, this.first - MORE);
      let to = this.first;
      const bottom = top + this.box.clientHeight / LINE;
      while (to < count && starts[to] < bottom) to++;
      to = Math.min(count, to + MORE);
      this.list.style.transform = `translateY(${(starts[from] - origin) * LINE}px)`;
      this.show(from, to, starts);
      put(this.empties, count ? "" : this.nothing());
      this.empties.hidden = Boolean(count);
      this.newer.hidden = this.follows && !this.paused;
      put(this.newer, this.paused ? `Paused: ${amount(this.missed, "new line")}. Go on` : "Go to the newest line");
    }

    place(top) {
      const wanted = Math.max(0, Math.min(top, this.box.scrollHeight - this.box.clientHeight));
      if (Math.abs(wanted - this.box.scrollTop) < 1) return;
      this.box.scrollTop = wanted;
      this.placed = this.box.scrollTop;
    }

    /* Draws the lines from one to before another; those that are drawn stay as they are. */
    show(from, to, starts) {
      const wanted = new Map();
      for (let index = from; index < to; index++) {
        const line = this.line(index);
        wanted.set(line, this.drawn.get(line) ?? this.element(line, starts[index + 1] - starts[index]));
      }
      for (const [line, element] of this.drawn) if (!wanted.has(line)) element.remove();
      let at = this.list.firstChild;
      for (const element of wanted.values()) {
        if (element === at) at = at.nextSibling;
        else this.list.insertBefore(element, at);
      }
      this.drawn = wanted;
      this.drawnLines = new Map([...wanted].map(([line, element]) => [element, line]));
      if (this.refocus && wanted.has(this.refocus)) wanted.get(this.refocus).querySelector(".log-open")?.focus({ preventScroll: true });
      this.refocus = null;
    }

    element(line, height) {
      const place = this.places.get(line.source);
      const row = make("div", `log-line log-${LEVELS[line.level] || "none"}`);
      row.style.height = `${height * LINE}px`;
      if (line === this.current) row.classList.add("log-current");
      const meta = make("span", "log-meta");
      if (line.at) {
        const at = new Date(line.at / 1000);
        const shown = at.toLocaleTimeString("en-GB", { hour12: false }) + `.${String(at.getMilliseconds()).padStart(3, "0")}`;
        meta.append(make("time", "log-at", { datetime: at.toISOString(), title: at.toLocaleString() + ` (${at.toISOString()})` }, shown));
      } else meta.append(make("span", "log-at"));
      if (place) meta.append(make("span", `log-pod pod-${place.number % 8}`, { title: line.source }, this.label(place)));
      row.append(meta);
      const text = make("span", "log-text");
      const value = line.text.length < 65536 && line.text.includes("{") ? unfolded(line.text) : null;
      if (value) {
        const label = line.open ? "Fold the fields" : "Unfold the fields";
        text.append(make("button", "log-open", { type: "button", "aria-expanded": String(line.open), "aria-label": label }, icon("chevron")));
      }
      const words = this.text(line);
      const runs = words === line.text ? line.runs : null;
      for (const [part, style, matched] of segments(words, runs, this.lines.filter.text)) {
        const look = classes(style);
        if (matched) text.append(make("mark", look, {}, part));
        else text.append(look ? make("span", look, {}, part) : part);
      }
      row.append(text);
      if (line.open && value) row.append(make("pre", "log-fields", {}, JSON.stringify(value, null, 2)));
      return row;
    }

    label({ pod, container }) {
      const own = pod.startsWith(`${this.app.name}-`) ? pod.slice(this.app.name.length + 1) : pod;
      const pods = new Set((this.present ?? []).map((each) => each.pod)).size;
      const names = new Set((this.present ?? []).map((each) => each.container)).size;
      if (pods > 1 && names > 1) return `${own.slice(-5)}/${container}`;
      return names > 1 && pods < 2 ? container : own;
    }

    /* Words about the connection, the containers and the amounts. */
    say() {
      const now = Date.now();
      this.rate = this.rate.filter(([at]) => now - at < 3000);
      const each = Math.round(this.rate.reduce((sum, [, count]) => sum + count, 0) / 3);
      const present = this.present ?? [];
      const following = present.filter(({ state }) => state === "following").length;
      const parts = [];
      if (this.why) parts.push(this.why);
      else if (!this.live) parts.push(this.later ? `${this.later} Trying again …` : this.attempts ? "Connection lost: trying again …" : "Connecting …");
      else if (this.view.previous) parts.push(`Previous run of ${amount(present.length, "container")}`);
      else parts.push(present.length ? `Following ${following === present.length ? "" : `${following} of `}${amount(present.length, "container")}` : "No container runs");
      if (this.left) parts.push(`${amount(this.left, "more container")} left out: choose a pod`);
      if (this.lines.length) parts.push(amount(this.lines.length, "line"));
      if (each) parts.push(`${number(each)} lines/s`);
      if (this.dropped) parts.push(`${amount(this.dropped, "line")} dropped: they came faster than they can be shown`);
      put(this.state, parts.join(" · "));
      this.state.classList.toggle("log-bad", Boolean(this.why));
      this.state.dataset.state = this.why ? "ended" : this.live ? "live" : "lost";
      const notes = present.filter(({ note }) => note).slice(0, 5).map(({ pod, container, note }) => `${pod} / ${container}: ${note}`);
      if (notes.join("\n") !== this.noted) {
        this.noted = notes.join("\n");
        this.notes.replaceChildren(...notes.map((note) => make("li", "", {}, note)));
        this.notes.hidden = !notes.length;
      }
      const hits = this.view.q ? amount(this.lines.hits, "match").replace("matchs", "matches") : "";
      put(this.found, hits);
    }

    nothing() {
      if (this.why) return "";
      if (!this.live) return this.later ? "" : "Connecting …";
      if (this.lines.length) return "No line matches. Change the level or the search.";
      if (!this.present?.length) return this.view.previous ? "No container was restarted, so there is no previous run." : "This app has no pods whose log could be read.";
      return "No lines yet.";
    }

    tick() {
      const now = Date.now();
      if (!this.root.isConnected) return;
      if (this.socket && now - this.heard > SILENT_AFTER) {
        const mine = this.socket;
        this.lost(mine, 0);
        mine.close();
      }
      if (document.hidden) this.hiddenAt ??= now;
      else this.hiddenAt = null;
      const rests = this.hiddenAt !== null && now - this.hiddenAt > RESTS_AFTER;
      if (rests && !this.rests) {
        this.rests = true;
        this.socket?.close();
      } else if (!rests && this.rests) {
        this.rests = false;
        if (!this.why && !this.socket) this.connect(true);
      }
      this.speak(now);
      this.plan();
    }

    /* Reads new lines out, but not more than can be followed. */
    speak(now) {
      if (!this.unspoken?.length || now - (this.spokeAt ?? 0) < SPEAK_EVERY) return;
      const texts = this.unspoken;
      this.unspoken = [];
      this.spokeAt = now;
      if (document.activeElement !== this.box || this.paused || !this.follows) return;
      put(this.spoken, texts.length > FAST ? "" : texts.map((each) => each.text.slice(0, 200)).join("\n"));
    }
  }

  async function inflated(data) {
    const stream = new Blob([data]).stream().pipeThrough(new DecompressionStream(INFLATE));
    return new Response(stream).text();
  }

  const viewers = new Map();

  function look() {
    for (const [root, viewer] of viewers) {
      if (root.isConnected && (root.closest("details")?.open ?? true)) continue;
      viewers.delete(root);
      viewer.close();
    }
    for (const root of document.querySelectorAll("[data-logs]"))
      if (!viewers.has(root) && (root.closest("details")?.open ?? true)) viewers.set(root, new Viewer(root));
  }

  let queued = false;
  new MutationObserver(() => {
    if (queued) return;
    queued = true;
    queueMicrotask(() => {
      queued = false;
      look();
    });
  }).observe(document.documentElement, { childList: true, subtree: true });
  document.addEventListener("toggle", look, true);
})();
