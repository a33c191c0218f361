// <shouhou-panel>: the panel in a help desk's page. Two lines embed it:
//
//   <script type="module" src="https://SERVICE/static/shouhou-panel.js"></script>
//   <shouhou-panel></shouhou-panel>
//
// Properties: message (string), conversation ([{role: "buyer" | "agent", text}], oldest first), context (an object with
// the fields of POST /v1/recommendations). Set together, they ask once. Event: reply-chosen, with
// detail {text, templateId, recommendationId}. The page's origin must stand in the service's SHOUHOU_FRAME_ANCESTORS.
// No key is in the page: the agent signs in inside the frame.

const service = new URL(import.meta.url).origin;

const style = new CSSStyleSheet();
style.replaceSync(`
  :host { display: block; min-block-size: 480px; block-size: 100%; }
  :host([hidden]) { display: none; }
  iframe { display: block; inline-size: 100%; block-size: 100%; min-block-size: inherit; border: 0; }
`);

class ShouhouPanel extends HTMLElement {
  #frame = document.createElement("iframe");
  #case = { message: "", conversation: [], context: {} };
  #isPosting = false;
  #isLoaded = false;

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [style];
    this.#frame.src = `${service}/embed`;
    this.#frame.title = "售后参谋";
    this.#frame.allow = "clipboard-write";
    this.#frame.addEventListener("load", () => {
      this.#isLoaded = true;
      this.#post();
    });
    root.append(this.#frame);
  }

  connectedCallback() {
    this.#isLoaded = false; // Moving the element loads its frame again.
    window.addEventListener("message", this.#hear);
  }

  disconnectedCallback() {
    window.removeEventListener("message", this.#hear);
  }

  get message() {
    return this.#case.message;
  }

  set message(message) {
    this.#set({ message });
  }

  get conversation() {
    return this.#case.conversation;
  }

  set conversation(conversation) {
    this.#set({ conversation });
  }

  get context() {
    return this.#case.context;
  }

  set context(context) {
    this.#set({ context });
  }

  #set(part) {
    Object.assign(this.#case, part);
    if (this.#isPosting) return;
    this.#isPosting = true;
    queueMicrotask(() => {
      this.#isPosting = false;
      this.#post();
    });
  }

  #post() {
    if (this.#isLoaded) this.#frame.contentWindow.postMessage({ type: "shouhou:case", ...this.#case }, service);
  }

  #hear = ({ source, origin, data }) => {
    if (source !== this.#frame.contentWindow || origin !== service || data?.type !== "shouhou:reply-chosen") return;
    const { text, templateId, recommendationId } = data;
    const detail = { text, templateId, recommendationId };
    this.dispatchEvent(new CustomEvent("reply-chosen", { detail, bubbles: true, composed: true }));
  };
}

customElements.define("shouhou-panel", ShouhouPanel);
