/* The lines of a log in the browser: a bounded ring, what of it is shown, and where a connection
   that broke off resumes. No page is touched here. */
(function () {
  "use strict";
  const MOST = 20000; // lines
  const CHARACTERS = 12e6;
  const MARK = 7; // the level of the portal's own lines
  const CONTINUES = /^(?:\s|Caused by|\.\.\. \d)/; // a stack trace belongs to the line before it

  class Lines {
    constructor(most = MOST, characters = CHARACTERS) {
      this.most = most;
      this.room = characters;
      this.filter = { text: "", level: 0, only: false };
      this.levels = new Map(); // source: the level of its last line
      this.seen = new Map(); // source: its newest time, and how many lines have it
      this.clear();
    }

    clear() {
      this.all = [];
      this.head = 0; // lines before it have made room
      this.shown = [];
      this.shownHead = 0;
      this.characters = 0;
      this.hits = 0;
      this.next = 0; // the number of the next line
    }

    get length() {
      return this.all.length - this.head;
    }

    get shownLength() {
      return this.shown.length - this.shownHead;
    }

    at(index) {
      return this.shown[this.shownHead + index];
    }

    /* Adds rows as the server sends them. A row of a resumed connection that is known is left out.
       Returns the lines that were added. */
    add(rows, name, resumed) {
      const again = new Map();
      if (resumed) for (const [source, { same }] of this.seen) again.set(source, same);
      const added = [];
      for (const [id, at, level, text, runs] of rows) {
        const source = name(id);
        if (this.known(source, at, again)) continue;
        const line = { source, at, level, text, runs, number: this.next++, open: false };
        if (level) this.levels.set(source, level);
        line.counts = level || (CONTINUES.test(text) ? this.levels.get(source) ?? 0 : 0);
        line.hit = this.matches(line);
        this.all.push(line);
        this.characters += text.length;
        if (line.hit) this.hits++;
        if (this.shows(line)) this.shown.push(line);
        added.push(line);
      }
      this.makeRoom();
      return added;
    }

    known(source, at, again) {
      const seen = this.seen.get(source);
      const left = again.get(source) ?? 0;
      if (seen && left && at <= seen.at) {
        if (at === seen.at) again.set(source, left - 1);
        return true;
      }
      if (!seen || at > seen.at) {
        again.delete(source);
        this.seen.set(source, { at, same: 1 });
      } else if (at === seen.at) seen.same++;
      return false;
    }

    makeRoom() {
      while (this.length > 1 && (this.length > this.most || this.characters > this.room)) {
        const line = this.all[this.head];
        this.all[this.head++] = undefined;
        this.characters -= line.text.length;
        if (line.hit) this.hits--;
        if (this.shownLength && this.shown[this.shownHead] === line) this.shown[this.shownHead++] = undefined;
      }
      if (this.head > 4096) {
        this.all = this.all.slice(this.head);
        this.head = 0;
      }
      if (this.shownHead > 4096) {
        this.shown = this.shown.slice(this.shownHead);
        this.shownHead = 0;
      }
    }

    matches(line) {
      const { text } = this.filter;
      return text !== "" && line.text.toLowerCase().includes(text);
    }

    shows(line) {
      if (line.level === MARK) return true;
      const { level, only, text } = this.filter;
      return line.counts >= level && !(only && text !== "" && !line.hit);
    }

    /* Shows what matches: a text, the lowest level, and whether lines without the text are left out. */
    narrow(filter) {
      this.filter = { ...filter, text: filter.text.toLowerCase() };
      this.hits = 0;
      this.shown = [];
      this.shownHead = 0;
      for (let index = this.head; index < this.all.length; index++) {
        const line = this.all[index];
        line.hit = this.matches(line);
        if (line.hit) this.hits++;
        if (this.shows(line)) this.shown.push(line);
      }
    }
  }

  /* Splits a text at its styles and at the matches of a search: [text, style, matched] each. */
  function segments(text, runs, needle) {
    const cuts = new Set([0, text.length]);
    for (let at = 0; runs && at < runs.length; at += 3) cuts.add(runs[at]).add(runs[at + 1]);
    const found = [];
    const lower = needle ? text.toLowerCase() : "";
    if (lower.length === text.length)
      for (let at = lower.indexOf(needle); needle && at >= 0 && found.length < 200; at = lower.indexOf(needle, at + needle.length)) {
        found.push(at);
        cuts.add(at).add(at + needle.length);
      }
    const places = [...cuts].filter((each) => each <= text.length).sort((a, b) => a - b);
    const parts = [];
    let run = 0;
    let hit = 0;
    for (let index = 0; index + 1 < places.length; index++) {
      const [start, end] = [places[index], places[index + 1]];
      while (runs && run < runs.length && runs[run + 1] <= start) run += 3;
      while (hit < found.length && found[hit] + needle.length <= start) hit++;
      const style = runs && run < runs.length && runs[run] <= start ? runs[run + 2] : 0;
      parts.push([text.slice(start, end), style, hit < found.length && found[hit] <= start]);
    }
    return parts;
  }

  /* The classes of a style, as portal/logs/ansi.py numbers them. */
  function classes(style) {
    const names = [];
    if (style & 0x1f) names.push(`fg-${(style & 0x1f) - 1}`);
    if (style & 0x3e0) names.push(`bg-${((style >> 5) & 0x1f) - 1}`);
    ["bold", "faint", "italic", "underline", "inverse"].forEach((name, bit) => {
      if (style & (1 << (10 + bit))) names.push(`sgr-${name}`);
    });
    return names.join(" ");
  }

  /* The object that a line is in JSON, or null. */
  function unfolded(text) {
    const from = text.indexOf("{");
    if (from < 0 || !text.trimEnd().endsWith("}") || text.slice(0, from).trim()) return null;
    try {
      const value = JSON.parse(text);
      return value && typeof value === "object" ? value : null;
    } catch {
      return null;
    }
  }

  const MESSAGE = ["message", "msg", "event", "text"];
  const KNOWN = new Set(["time", "timestamp", "ts", "@timestamp", "level", "severity", "lvl", "levelname"]);

  /* A line in JSON as its message and its other fields. */
  function summary(value) {
    const name = MESSAGE.find((each) => typeof value[each] === "string");
    const rest = Object.entries(value)
      .filter(([key]) => key !== name && !KNOWN.has(key))
      .map(([key, each]) => `${key}=${typeof each === "string" ? each : JSON.stringify(each)}`);
    return [...(name ? [value[name].split("\n")[0]] : []), ...rest].join("  ");
  }

  /* The number of rows that a text takes when it is broken after so many columns. */
  function rows(text, columns) {
    let cells = text.length;
    if (/[^\x20-\x7e]/.test(text)) {
      cells = 0;
      for (const each of text) {
        const code = each.codePointAt(0);
        cells += each === "\t" ? 8 - (cells % 8) : code >= 0x1100 ? 2 : 1;
      }
    }
    return Math.max(1, Math.ceil(cells / Math.max(columns, 1)));
  }

  window.portalLogs = { Lines, segments, classes, unfolded, summary, rows, MARK };
})();
