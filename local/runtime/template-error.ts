/** The template holds something that the embedded AWS would have to guess at. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';
}
