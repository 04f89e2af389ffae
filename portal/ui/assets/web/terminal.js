/* The shell: a terminal (xterm.js, loaded when one is opened) over a WebSocket of its own. */
(function () {
  "use strict";
  const VENDOR = new URL("../vendor/", document.currentScript?.src ?? "file:///");
  const CHUNK = 16 * 1024; // of what is pasted
  const THEMES = {
    light: { background: "#ffffff", foreground: "#1b2330", cursor: "#3451d1", selectionBackground: "#c9d4fb",
      black: "#1b2330", red: "#b42025", green: "#14713f", yellow: "#8a5200", blue: "#2750c4", magenta: "#7a2bbd",
      cyan: "#00697a", white: "#566173", brightBlack: "#566173", brightRed: "#b42025", brightGreen: "#14713f",
      brightYellow: "#8a5200", brightBlue: "#2750c4", brightMagenta: "#7a2bbd", brightCyan: "#00697a", brightWhite: "#1b2330" },
    dark: { background: "#10151c", foreground: "#e4e9f1", cursor: "#8ea5ff", selectionBackground: "#31406e",
      black: "#5c6775", red: "#ff8f8a", green: "#54cf93", yellow: "#f3bd5a", blue: "#8fb0ff", magenta: "#d0a5ff",
      cyan: "#5fd3e0", white: "#e4e9f1", brightBlack: "#9ba7b8", brightRed: "#ff8f8a", brightGreen: "#54cf93",
      brightYellow: "#f3bd5a", brightBlue: "#8fb0ff", brightMagenta: "#d0a5ff", brightCyan: "#5fd3e0", brightWhite: "#ffffff" },
  };

  let library = null;
  function load() {
    library ??= (async () => {
      const style = Object.assign(document.createElement("link"), { rel: "stylesheet", href: new URL("xterm.css", VENDOR) });
      document.head.append(style);
      const [terminal, fit] = await Promise.all([
        import(new URL("xterm.min.js", VENDOR)), import(new URL("xterm-fit.min.js", VENDOR)),
      ]);
      return { Terminal: terminal.Terminal, FitAddon: fit.FitAddon };
    })();
    library.catch(() => { library = null; }); // the next click tries again
    return library;
  }

  let shell = null; // the one that is open: { box, socket, terminal, watcher }

  function say(text) {
    const words = document.getElementById("shell-words");
    if (words) words.textContent = text;
  }

  function show(box, state) {
    box.dataset.state = state;
    const button = document.getElementById("shell-open");
    if (button) button.textContent = state === "closed" ? "Open a shell" : "Close the shell";
    const debug = document.getElementById("shell-debug");
    if (debug) debug.disabled = state !== "closed";
  }

  function close(words) {
    if (!shell) return;
    const { box, socket, watcher } = shell;
    shell = null;
    watcher?.disconnect();
    socket?.close();
    if (box.isConnected) {
      show(box, "closed");
      if (words) say(words);
    }
  }

  function address(box, terminal, debug) {
    const { namespace, name, pod, container } = box.dataset;
    const asked = new URLSearchParams({ namespace, name, pod, container, columns: terminal.cols, rows: terminal.rows });
    if (debug) asked.set("debug", "1");
    return `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}/live/shell?${asked}`;
  }

  function keys(terminal) {
    return (event) => {
      if (event.type !== "keydown" || !event.ctrlKey || !event.shiftKey) return true;
      if (event.code === "KeyV") return false; // the browser pastes
      if (event.code === "KeyC") {
        event.preventDefault();
        document.execCommand("copy");
        return false;
      }
      if (event.code === "KeyL") {
        event.preventDefault();
        document.getElementById("shell-open")?.focus();
        return false;
      }
      return true;
    };
  }

  async function open(box, debug) {
    const mine = (shell = { box });
    show(box, "connecting");
    say("Connecting …");
    let parts;
    try {
      parts = await load();
    } catch {
      if (shell === mine) close("The terminal could not be loaded. Try again.");
      return;
    }
    if (shell !== mine || !box.isConnected) return;
    box.replaceChildren();
    const terminal = new parts.Terminal({
      cursorBlink: true, fontSize: 13, scrollback: 5000, screenReaderMode: true, minimumContrastRatio: 4.5,
      fontFamily: getComputedStyle(document.documentElement).getPropertyValue("--portal-mono"),
      theme: THEMES[window.portalTheme.current()] ?? THEMES.light,
    });
    const fit = new parts.FitAddon();
    terminal.loadAddon(fit);
    terminal.open(box);
    fit.fit();
    terminal.attachCustomKeyEventHandler(keys(terminal));
    const socket = new WebSocket(address(box, terminal, debug));
    socket.binaryType = "arraybuffer";
    const watcher = new ResizeObserver(() => shell === mine && fit.fit());
    watcher.observe(box);
    Object.assign(mine, { socket, terminal, watcher });
    const encoder = new TextEncoder();
    const send = (bytes) => {
      if (socket.readyState !== WebSocket.OPEN) return;
      for (let at = 0; at < bytes.length; at += CHUNK) socket.send(bytes.subarray(at, at + CHUNK));
    };
    terminal.onData((text) => send(encoder.encode(text)));
    terminal.onBinary((text) => send(Uint8Array.from(text, (each) => each.charCodeAt(0))));
    terminal.onResize(({ cols, rows }) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ resize: [cols, rows] }));
    });
    let ended = "";
    socket.onmessage = ({ data }) => {
      if (typeof data !== "string") {
        terminal.write(new Uint8Array(data));
        return;
      }
      const message = JSON.parse(data);
      if (message.state) say(message.state);
      if (message.shell) {
        show(box, "open");
        say(`${message.shell} runs in ${message.container}.`);
        terminal.focus();
        const { cols, rows } = terminal;
        socket.send(JSON.stringify({ resize: [cols, rows] })); // it may have changed meanwhile
      }
      if (message.ended) ended = message.ended;
    };
    socket.onclose = () => {
      terminal.options.disableStdin = true;
      if (shell === mine) close(ended || "The connection was lost. Open the shell again.");
    };
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("#shell-open, #shell-debug");
    const box = document.getElementById("terminal");
    if (!button || !box) return;
    if (shell) close("Closed.");
    else open(box, button.id === "shell-debug");
  });
  window.addEventListener("portal-theme", ({ detail }) => {
    if (shell?.terminal) shell.terminal.options.theme = THEMES[detail] ?? THEMES.light;
  });
  window.addEventListener("pagehide", () => close(""));
  new MutationObserver(() => {
    if (shell && !shell.box.isConnected) close("");
  }).observe(document.documentElement, { childList: true, subtree: true });
})();
