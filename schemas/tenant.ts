/** The one tenant there is until others come. */
export const tenant = 'default'
