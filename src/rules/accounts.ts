/** Users and groups that a Debian system has out of the box (base-passwd), which is what rules name. */

const USERS =
  'root 0;daemon 1;bin 2;sys 3;sync 4;games 5;man 6;lp 7;mail 8;news 9;uucp 10;proxy 13;www-data 33;backup 34;list 38;irc 39;' +
  '_apt 42;nobody 65534';
const GROUPS =
  'root 0;daemon 1;bin 2;sys 3;adm 4;tty 5;disk 6;lp 7;mail 8;news 9;uucp 10;man 12;proxy 13;kmem 15;dialout 20;fax 21;voice 22;' +
  'cdrom 24;floppy 25;tape 26;sudo 27;audio 29;dip 30;www-data 33;backup 34;operator 37;list 38;irc 39;src 40;shadow 42;utmp 43;' +
  'video 44;sasl 45;plugdev 46;staff 50;games 60;users 100;nogroup 65534';

/** Whose names. */
export type AccountKind = 'user' | 'group';

/** The number of a user or group; -1 where the name is none of the system's own. */
export function accountNumber(kind: AccountKind, name: string): number {
  for (const entry of tableOf(kind)) if (entry[0] === name) return Number(entry[1]);
  return -1;
}

/** The name of a user or group; '' where it has none. */
export function accountName(kind: AccountKind, number: number): string {
  for (const entry of tableOf(kind)) if (Number(entry[1]) === number) return entry[0]!;
  return '';
}

function tableOf(kind: AccountKind): string[][] {
  return (kind === 'user' ? USERS : GROUPS).split(';').map((entry) => entry.split(' '));
}
