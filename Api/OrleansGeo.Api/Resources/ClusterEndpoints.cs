using OrleansGeo.Api.Access;
using OrleansGeo.Api.Answers;
using OrleansGeo.Api.OpenApi;
using OrleansGeo.Api.Requests;
using OrleansGeo.Api.Views;

namespace OrleansGeo.Api.Resources;

/// <summary>What there is, where, and how it is.</summary>
public static class ClusterEndpoints
{
    /// <summary>Maps the routes.</summary>
    public static void Map(IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/v1").WithTags("Cluster");
        group.MapGet("/cluster", GetCluster).Describe("getCluster", "The cluster as the called node sees it", RequestShape.Plain)
            .Needs(EndpointRight.Observe).Produces<ClusterView>();
        group.MapGet("/nodes", ListNodes).Describe("listNodes", "All nodes, with liveness and measured round trips", RequestShape.Plain)
            .Needs(EndpointRight.Observe).Produces<NodesView>();
        group.MapGet("/latencies", ListLatencies).Describe("listLatencies", "Measured round trips from the called node", RequestShape.Plain)
            .Needs(EndpointRight.Observe).Produces<LatenciesView>();
    }

    private static async Task<IResult> GetCluster(HttpContext http, IGeoStore store)
    {
        if (!GeoRequest.TryRead(http, out var request, out var problem))
        {
            return problem;
        }

        return Answer.Of(
            await store.GetClusterAsync(request.Options, http.RequestAborted), ClusterView.Of, GeoJsonContext.Default.ClusterView);
    }

    private static async Task<IResult> ListNodes(HttpContext http, IGeoStore store)
    {
        if (!GeoRequest.TryRead(http, out var request, out var problem))
        {
            return problem;
        }

        return Answer.Of(await store.ListNodesAsync(request.Options, http.RequestAborted), NodesView.Of, GeoJsonContext.Default.NodesView);
    }

    private static async Task<IResult> ListLatencies(HttpContext http, IGeoStore store)
    {
        if (!GeoRequest.TryRead(http, out var request, out var problem))
        {
            return problem;
        }

        var latencies = await store.ListLatenciesAsync(request.Options, http.RequestAborted);
        return Answer.Of(latencies, LatenciesView.Of, GeoJsonContext.Default.LatenciesView);
    }
}
