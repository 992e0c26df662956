// Reads the pictures of /stream.mjpg?view=both one after another.

const decoder = new TextDecoder();

// Bytes that arrive in pieces.
class Inbox {
  #reader;
  #held = new Uint8Array(0);

  constructor(body) {
    this.#reader = body.getReader();
  }

  // The next bytes, `count` of them.
  async take(count) {
    while (this.#held.length < count) await this.#more();
    const taken = this.#held.slice(0, count);
    this.#held = this.#held.subarray(count);
    return taken;
  }

  // The text up to an empty line, which is taken too.
  async head() {
    for (;;) {
      const text = decoder.decode(this.#held.subarray(0, 1024));
      const end = text.indexOf("\r\n\r\n");
      if (end >= 0) {
        this.#held = this.#held.subarray(end + 4);
        return text.slice(0, end);
      }
      await this.#more();
    }
  }

  async #more() {
    const { done, value } = await this.#reader.read();
    if (done) throw new Error("the stream has ended");
    const joined = new Uint8Array(this.#held.length + value.length);
    joined.set(this.#held);
    joined.set(value, this.#held.length);
    this.#held = joined;
  }
}

// Yields { number, before, after }; the two are decoded pictures of the same frame.
export async function* pairs(body) {
  const inbox = new Inbox(body);
  const views = {};
  for (;;) {
    const head = await inbox.head();
    const field = (name) => new RegExp(`^${name}: (.*)$`, "mi").exec(head)?.[1].trim();
    const jpeg = await inbox.take(Number(field("Content-Length")));
    const view = field("X-View");
    views[view]?.close();
    views[view] = await createImageBitmap(new Blob([jpeg], { type: "image/jpeg" }));
    if (view === "after") {
      yield { number: Number(field("X-Frame")), before: views.before, after: views.after };
    }
  }
}
