// Drag the square over the photo, or move it with the arrow keys; its size is the slider's.
const now = () => {
    const root = element.querySelector('.cropper');
    const read = (name) => Number(root.dataset[name]);
    return { root, width: read('width'), height: read('height'), left: read('left'), top: read('top'), size: read('size') };
};
const place = (left, top, size) => {
    const at = now();
    size = Math.round(Math.min(Math.max(size, 16), at.width, at.height));
    left = Math.round(Math.min(Math.max(left, 0), at.width - size));
    top = Math.round(Math.min(Math.max(top, 0), at.height - size));
    Object.assign(at.root.dataset, { left, top, size });
    const box = at.root.querySelector('.box');
    box.style.left = `${100 * left / at.width}%`;
    box.style.top = `${100 * top / at.height}%`;
    box.style.width = `${100 * size / at.width}%`;
    box.style.height = `${100 * size / at.height}%`;
};
const tell = () => {
    const at = now();
    trigger('act', { act: 'crop_to', file: at.root.dataset.file, crop: [at.left, at.top, at.left + at.size, at.top + at.size] });
};
let drag = null;
element.addEventListener('pointerdown', (event) => {
    const box = event.target.closest('.box');
    if (!box) return;
    event.preventDefault();
    box.setPointerCapture(event.pointerId);
    const at = now();
    const scale = at.width / box.parentElement.getBoundingClientRect().width;
    drag = { x: event.clientX, y: event.clientY, left: at.left, top: at.top, scale };
});
element.addEventListener('pointermove', (event) => {
    if (!drag) return;
    place(drag.left + (event.clientX - drag.x) * drag.scale, drag.top + (event.clientY - drag.y) * drag.scale, now().size);
});
element.addEventListener('pointerup', () => { if (drag) { drag = null; tell(); } });
element.addEventListener('keydown', (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!step || !event.target.closest('.box')) return;
    event.preventDefault();
    const at = now(), by = Math.max(1, Math.round(at.size / 50));
    place(at.left + step[0] * by, at.top + step[1] * by, at.size);
    tell();
});
element.addEventListener('input', (event) => {
    if (!event.target.matches('input[type=range]')) return;
    const at = now(), size = Number(event.target.value);
    place(at.left + (at.size - size) / 2, at.top + (at.size - size) / 2, size);
});
element.addEventListener('change', (event) => { if (event.target.matches('input[type=range]')) tell(); });
element.addEventListener('click', (event) => {
    const button = event.target.closest('[data-act]');
    if (button) trigger('act', { act: button.dataset.act });
});
