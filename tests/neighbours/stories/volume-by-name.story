# A volume is removed because its project is named like a trial, and no container proves it.
# N1: project myapp__staging__env volume was removed: its maker keeps it
{"at":541213930,"developer":{"up":{"project":"myapp__staging__env"}}}
{"at":652313631,"developer":{"stop":{"project":"myapp__staging__env"}}}
