/** Property tests draw from one seed, so that a run can be repeated: FC_SEED=7 npm test takes another. */
import fc from 'fast-check';

fc.configureGlobal({ seed: Number(process.env.FC_SEED ?? 20260101) });
