# An image that got a name since the plan is removed: names were not compared.
# N1: build 2 was removed: an image that no benchmark made
{"at":35277038,"developer":{"build":{"number":2}}}
{"at":41858714,"operator":{"run":{"policy":"aggressive","min_age":60,"saved":2074465}}}
{"at":43742875,"developer":{"tag":{"number":2}}}
