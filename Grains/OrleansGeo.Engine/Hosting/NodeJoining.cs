using System.Collections.Immutable;
using System.Security.Cryptography;
using OrleansGeo.Primitives;
using OrleansGeo.Storage;

namespace OrleansGeo.Engine;

/// <summary>How a node that is no seed of its cluster becomes a member of it.</summary>
public sealed record JoinSettings
{
    /// <summary>The cluster it means.</summary>
    public required string ClusterId { get; init; }

    /// <summary>Where it answers REST, for others to know; or null.</summary>
    public string? HttpAddress { get; init; }

    /// <summary>
    /// Puts a request to <see cref="NodeHost.AnswerJoinAsync"/> of any member; null when nobody answers now.
    /// </summary>
    public required Func<byte[], CancellationToken, Task<byte[]?>> AskAnyone { get; init; }

    /// <summary>Hears why it is not a member yet.</summary>
    public Action<string>? Waits { get; init; }
}

/// <summary>The cluster will not have this node; the message is for the user.</summary>
public sealed class JoinRefusedException(string message) : Exception(message);

/// <summary>
/// Asks until the node is a member. Its token is durable before it asks for the first time, so who asks again after a crash is known to be
/// the same node. It asks at every start until it holds a replica of the system range, because until then only the answer says who the
/// others are.
/// </summary>
internal static class NodeJoining
{
    private const int TokenBytes = 16;
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(500);

    /// <summary>Asks until the node is a member.</summary>
    /// <returns>The nodes of the cluster; none when the storage knows them.</returns>
    /// <exception cref="JoinRefusedException">The cluster will not have it.</exception>
    /// <exception cref="StorageUnavailableException">The storage belongs to another node or cluster.</exception>
    public static async Task<ImmutableArray<NodeRecord>> RunAsync(
        IStorageEngine storage, NodeOptions node, JoinSettings settings, TimeProvider time, CancellationToken cancellation)
    {
        if (NodeStore.HasReplica(storage, SystemKeys.RangeId))
        {
            return [];
        }

        var token = await NodeStore.JoinTokenAsync(storage, [.. RandomNumberGenerator.GetBytes(TokenBytes)]);
        var request = JoinCodec.Encode(
            new JoinRequest(settings.ClusterId, node.Name, node.Region, node.Zone, settings.HttpAddress, token));
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            var reply = await settings.AskAnyone(request, cancellation) is { } bytes
                ? JoinCodec.ReadReply(bytes)
                : new(null, false, "no member of the cluster answers");
            if (reply.Answer is { } answer)
            {
                await NodeStore.InitialiseJoinedAsync(
                    storage, new(settings.ClusterId, answer.Node, node.Name, answer.TokenSecret.AsMemory()));
                return answer.Nodes;
            }

            if (reply.IsRefused)
            {
                throw new JoinRefusedException(reply.Detail);
            }

            settings.Waits?.Invoke(reply.Detail);
            await Task.Delay(s_pause, time, cancellation);
        }
    }
}
