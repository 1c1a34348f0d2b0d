{"at":13157056,"job":{"begins":{"job":3}}}
{"at":424961539,"job":{"runs":{"job":3,"container":1,"runs":false}}}
{"at":479415863,"operator":{"another":{"policy":"aggressive","min_age":60}}}
