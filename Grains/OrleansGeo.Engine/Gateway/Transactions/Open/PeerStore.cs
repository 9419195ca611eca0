using OrleansGeo.Primitives;
using OrleansGeo.Wire;

namespace OrleansGeo.Engine;

/// <summary>The store of another node of the cluster, for what only that node can do.</summary>
internal sealed class PeerStore(GatewayCore core, RequestScope scope, NodeId node) : RemoteGeoStore
{
    /// <summary>How the last call ended.</summary>
    public CallFailure Failure { get; private set; }

    /// <inheritdoc />
    protected override async Task<byte[]> SendAsync(StoreArea area, string subject, byte[] request, CancellationToken cancellation)
    {
        var call = await core.Host.CallAsync(
            node, SystemKeys.RangeId, new RangeOperation.AskGateway([.. request]), scope.Remaining, cancellation);
        scope.Paid(call.Path);
        Failure = call.Failure;
        return call.Outcome switch
        {
            RangeOutcome.GatewayAnswered answered => [.. answered.Answer],
            RangeOutcome.Unsuitable unsuitable => throw new InvalidOperationException(unsuitable.Why),
            _ => throw new InvalidOperationException("it did not answer in time"),
        };
    }
}
