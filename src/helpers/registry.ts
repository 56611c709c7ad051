/** Every helper that there is; one line a file. H.323 (`RAS`, `Q.931`) is not supported. */
import { ftp } from './ftp.js';
import type { Helper } from './helper.js';
import { tftp } from './tftp.js';

export const HELPERS: readonly Helper[] = [ftp, tftp];
