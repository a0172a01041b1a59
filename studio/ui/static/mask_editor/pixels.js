// A mask is a canvas whose opacity is the mask. These make, read and combine such canvases.

export const canvasOf = (width, height) => Object.assign(document.createElement('canvas'), { width, height });
export const penOf = (canvas) => canvas.getContext('2d', { willReadFrequently: true });

export const copyOf = (canvas) => {
    const made = canvasOf(canvas.width, canvas.height);
    penOf(made).drawImage(canvas, 0, 0);
    return made;
};

const blend = (onto, other, operation) => {
    const pen = penOf(onto);
    pen.globalCompositeOperation = operation;
    pen.drawImage(other, 0, 0);
    pen.globalCompositeOperation = 'source-over';
};
export const unite = (onto, other) => blend(onto, other, 'source-over');
export const subtract = (onto, other) => blend(onto, other, 'destination-out');

/** What two masks have in common, as a mask of its own. */
export const intersection = (one, other) => {
    const made = copyOf(one);
    blend(made, other, 'destination-in');
    return made;
};

/** A round line from one point to another, both in pixels of the canvas. */
export const trace = (onto, from, to, width, erases) => {
    const pen = penOf(onto);
    pen.globalCompositeOperation = erases ? 'destination-out' : 'source-over';
    Object.assign(pen, { lineCap: 'round', lineJoin: 'round', strokeStyle: '#fff', lineWidth: Math.max(1, width) });
    pen.beginPath();
    pen.moveTo(...from);
    pen.lineTo(to[0] + 0.01, to[1]);   // a line of no length would draw no dot
    pen.stroke();
    pen.globalCompositeOperation = 'source-over';
};

/** The mask in one colour, such as [214, 48, 72]. */
export const tinted = (mask, colour) => {
    const made = copyOf(mask), pen = penOf(made);
    pen.globalCompositeOperation = 'source-in';
    pen.fillStyle = `rgb(${colour})`;
    pen.fillRect(0, 0, made.width, made.height);
    return made;
};

/** How much of the picture a mask covers, 0 to 1. */
export const shareOf = (mask) => {
    const { data } = penOf(mask).getImageData(0, 0, mask.width, mask.height);
    let inside = 0;
    for (let at = 3; at < data.length; at += 4) if (data[at] > 127) inside += 1;
    return inside / (mask.width * mask.height);
};

export const isBlank = (mask) => {
    const { data } = penOf(mask).getImageData(0, 0, mask.width, mask.height);
    for (let at = 3; at < data.length; at += 4) if (data[at] > 127) return false;
    return true;
};

export const imageFrom = (url) => new Promise((done, failed) => {
    const image = new Image();
    image.onload = () => done(image);
    image.onerror = () => failed(new Error('a picture could not be shown'));
    image.src = url;
});

/** The mask in a PNG that is white inside and black outside. */
export const maskFrom = async (url, { width, height }) => {
    const image = await imageFrom(url), made = canvasOf(width, height), pen = penOf(made);
    pen.drawImage(image, 0, 0, width, height);
    const pixels = pen.getImageData(0, 0, width, height), { data } = pixels;
    for (let at = 0; at < data.length; at += 4) {
        data[at + 3] = data[at];
        data[at] = data[at + 1] = data[at + 2] = 255;
    }
    pen.putImageData(pixels, 0, 0);
    return made;
};
