using System.CommandLine;
using OrleansGeo.Api.Access;
using OrleansGeo.Silo;

var root = new RootCommand("geo-silo: a node of an OrleansGeo cluster")
{
    InitCommand.Make(), KeyCommand.Make(), ReadmitCommand.Make(), RunCommand.Make(),
};
var parsed = root.Parse(args);

// The silo stops on signals in its own order, so nobody else may end the process first. Wrong usage has a code of its own.
var code = await parsed.InvokeAsync(new() { ProcessTerminationTimeout = null });
return parsed.Errors.Count > 0 ? ExitCodes.Usage : code;
