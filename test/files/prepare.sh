# What the rule files name and the kernel must have before it takes them; run in the namespace.
ipset create docker-allow hash:net
ipset create banned hash:net
ipset create f2b-recidive hash:ip
ipset create cali40all-vxlan-net hash:net
ipset create cali40s:0tEHJ3IkgNQ2bHXKdF_abcd hash:net
ipset create KUBE-NODE-PORT-TCP bitmap:port range 0-65535
ipset create KUBE-LOOP-BACK hash:ip,port,ip
ipset create KUBE-LOAD-BALANCER hash:ip,port
ipset create KUBE-CLUSTER-IP hash:ip,port
