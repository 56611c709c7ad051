# fingerprints for a test
S4:64:1:60:M*,S,T,N,W7:Linux:3.0::Linux 3.0
16384:64:1:64:M*,N,N,S,N,W0,N,N,T:	OpenBSD:3.0-3.9::OpenBSD 3.0-3.9
65535:128:1:48:M*,N,N,S:Windows:XP:SP1+:Windows XP
%8192:128:1:52:M*,N,W8,N,N,S:Windows:7::Windows 7
*:255:0:44:M*:@Solaris:8::Solaris 8
T2:64:0:40:.:Odd:1:x:no options
T3:64:1:44:M*:Mtu:1::MTU multiple
S44:64:1:60:M*,S,T,N,W7:*Linux:2.6:old:a second Linux
S*:30:1:60:M*,S,T,N,W7:Zero:1::zero times the MSS
