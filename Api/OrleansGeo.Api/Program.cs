using System.CommandLine;
using OrleansGeo.Api.Access;
using OrleansGeo.Api.Demo;
using OrleansGeo.Api.OpenApi;

var openApi = new Command("openapi", "prints the OpenAPI description of the REST interface");
openApi.SetAction(static async (_, _) =>
{
    Console.Out.Write(await GeoOpenApi.RenderAsync());
    return 0;
});
var root = new RootCommand("OrleansGeo: a geo-distributed table store") { openApi, DemoCommand.Make(), KeyCommand.Make() };
var parsed = root.Parse(args);

// The demo stops on signals in its own order, so nobody else may end the process first. Wrong usage has a code of its own.
var code = await parsed.InvokeAsync(new() { ProcessTerminationTimeout = null });
return parsed.Errors.Count > 0 ? 2 : code;
