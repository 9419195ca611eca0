using Orleans.Concurrency;
using Orleans.GrainDirectory;
using Orleans.Runtime;
using OrleansGeo.GrainInterfaces;

namespace OrleansGeo.Grains;

/// <summary>
/// The door to this node's replica of a range. It holds nothing: any number of activations do what one does, and whether the replica is
/// there, leads or may answer is the engine's to say.
/// </summary>
[OnNode]
[Reentrant]
[KeepAlive]
[GrainDirectory(NoDirectory.Name)]
public sealed class RangeGrain(ILocalSiloDetails silo, LocalNode node) : Grain, IRangeGrain
{
    /// <summary>Refuses a key of another node: a caller that believes in an old address must not get an answer from the wrong
    /// node.</summary>
    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        var key = this.GetPrimaryKeyString();
        return RangeGrainKey.NodeOf(key) == silo.Name
            ? Task.CompletedTask
            : throw new InvalidOperationException($"the range grain {key} is not of node {silo.Name}");
    }

    /// <inheritdoc />
    public async Task<Immutable<byte[]>> AskAsync(Immutable<byte[]> request, CancellationToken cancellation) =>
        new(await node.Host.AnswerAsync(request.Value, cancellation));
}
