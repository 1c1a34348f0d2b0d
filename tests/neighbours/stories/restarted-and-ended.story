{"at":259147143,"harness":{"up":{"benchmark":"harbor","trial":0,"service":true}}}
{"at":362136434,"operator":{"run":{"policy":"aggressive","min_age":60,"saved":25167825}}}
{"at":362139824,"harness":{"dies":{"trials":[0],"ended":true}}}
{"at":362146191,"harness":{"restarts":{"trial":0}}}
{"at":362155204,"harness":{"ends":{"trial":0}}}
