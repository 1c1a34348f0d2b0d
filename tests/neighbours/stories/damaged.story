{"at":238005476,"harness":{"up":{"benchmark":"harbor","trial":1,"service":false}}}
{"at":384870377,"nature":{"damages":{"trial":1}}}
