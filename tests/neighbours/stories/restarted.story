# What was started again since the plan is ended: the times of start were not compared.
# N2: trial 1 main was ended, and had changed since the plan
{"at":14130429,"harness":{"up":{"benchmark":"harbor","trial":1,"service":false}}}
{"at":153364363,"operator":{"run":{"policy":"harbor","min_age":0,"saved":7938571}}}
{"at":153366955,"harness":{"dies":{"trials":[0,1,2],"ended":true}}}
{"at":159190884,"harness":{"restarts":{"trial":1}}}
