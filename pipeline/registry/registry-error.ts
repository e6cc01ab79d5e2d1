/** What can go wrong with a schema registry. Messages are for a person, say what to do, and hold no secret. */

/** The registry, or what it says, keeps Carillon from going on. */
export class RegistryError extends Error {
  override readonly name = 'RegistryError'
  constructor(
    /** Stable code in kebab case. */
    readonly code: /** It does not answer, or says that it cannot now. */
      | 'registry-away'
      /** Its certificate is not trusted. */
      | 'registry-not-trusted'
      /** It wants other credentials. */
      | 'registry-refuses'
      /** What answers is no registry, or not at this path. */
      | 'registry-not-understood'
      /** It has no such schema of today's. */
      | 'schema-not-registered'
      /** It does not take a schema. */
      | 'schema-rejected',
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options)
  }
}
