# A network was used until the very moment at which its removal was looked at: what is being removed ends first.
{"at":456241,"nature":{"lingers":{"takes":22750}}}
{"at":19332897,"harness":{"up":{"benchmark":"harbor","trial":1,"service":false}}}
{"at":28535054,"harness":{"dies":{"trials":[1],"ended":true}}}
{"at":46311868,"operator":{"run":{"policy":"harbor","min_age":60}}}
{"at":46314252,"nature":"heals"}
