/** What the two halves of the SIP helper share. */

/** Class of expectations of calls; those of media have the number of their type. */
export const CLASS_SIGNALLING = 0;
/** Word of ConnHelp.data: the port that answers go to, 0: the usual one. */
export const FORCED_PORT = 2;
