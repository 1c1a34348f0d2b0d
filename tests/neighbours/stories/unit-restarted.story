{"at":375605885,"harness":{"up":{"benchmark":"terminal-bench","trial":4,"service":true}}}
{"at":375731844,"nature":{"chaos":{"seed":801091574747387846,"percent":23}}}
{"at":395592645,"harness":{"ends":{"trial":4}}}
{"at":396563664,"operator":{"run":{"policy":"terminal-bench","min_age":60}}}
{"at":396566099,"harness":{"restarts":{"trial":4}}}
