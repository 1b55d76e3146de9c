
// Appended to equaliser.js in notebooks (anywidget): requests are messages to the kernel.
export default {
  render({ model, el }) {
    const waiting = new Map(), view = Math.random().toString(36).slice(2);
    let count = 0;
    const answer = (message, buffers) => {
      const pending = waiting.get(message.id);
      if (!pending) return; // for another view of the same widget
      waiting.delete(message.id);
      if (message.error) return pending.reject(new Error(message.error));
      const own = (each) => (each instanceof ArrayBuffer ? each : each.buffer.slice(each.byteOffset, each.byteOffset + each.byteLength));
      pending.resolve([message.answer, (buffers ?? []).map(own)]);
    };
    model.on("msg:custom", answer);
    const request = (op, args = {}, buffers = []) => new Promise((resolve, reject) => {
      const id = `${view}-${++count}`;
      waiting.set(id, { resolve, reject });
      model.send({ id, op, args }, undefined, buffers);
    });
    el.style.height = "710px";
    const equaliser = createEqualiser(el, { request });
    return () => { model.off("msg:custom", answer); equaliser.destroy(); };
  },
};
