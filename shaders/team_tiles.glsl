// team_tiles.glsl    which tiles of rows a team works on: a run of tiles a workgroup, teams in turn
uint first_tile() { return gl_WorkGroupID.x * p.tiles_per_group + team(); }
uint end_tile() { return min((gl_WorkGroupID.x + 1u) * p.tiles_per_group, p.n_tiles); }
