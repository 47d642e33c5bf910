/** Names of images as pods spell them: pure. */

/** `busybox` → `busybox:latest`; names with a tag or a digest stay as they are. */
export function normalizeImage(image: string): string {
  if (image === '' || image.includes('@')) return image;
  return image.slice(image.lastIndexOf('/') + 1).includes(':') ? image : `${image}:latest`;
}

const component = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const reference = new RegExp(
  `^(?:[A-Za-z0-9.-]+(?::\\d+)?/)?${component}(?:/${component})*(?::\\w[\\w.-]{0,127})?(?:@[A-Za-z][\\w+.-]*:[0-9a-fA-F]{32,})?$`,
);

/** Whether this is an image reference as the distribution specification has it; a bare image id is one too. */
export function isImageName(image: string): boolean {
  return image.length < 512 && reference.test(image.replace(/^sha256:(?=[0-9a-f]{64}$)/, ''));
}
