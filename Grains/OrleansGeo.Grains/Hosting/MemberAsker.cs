using Microsoft.Extensions.Logging;
using Orleans.Concurrency;

namespace OrleansGeo.Grains;

/// <summary>Finds a member of the cluster for a node that wants to join: any silo whose node runs.</summary>
public sealed partial class MemberAsker(NodeBook book, PeerServiceClient peers, ILogger<MemberAsker> log)
{
    private string? _lastReason;

    /// <summary>Asks one silo after another until one answers; null when none does.</summary>
    public async Task<byte[]?> AskAsync(string self, byte[] request, CancellationToken cancellation)
    {
        foreach (var silo in book.Others(self))
        {
            try
            {
                return (await peers.At(silo).JoinAsync(new Immutable<byte[]>(request), cancellation)).Value;
            }
            catch (Exception failure) when (failure is not OperationCanceledException || !cancellation.IsCancellationRequested)
            {
                // The next one may know more; who asks again with the same bytes gets the same answer.
                LogNoAnswer(failure.Message, silo);
            }
        }

        return null;
    }

    /// <summary>Logs why the node is no member yet, once for each reason.</summary>
    public void Waits(string reason)
    {
        if (_lastReason != reason)
        {
            _lastReason = reason;
            LogWaits(reason);
        }
    }

    [LoggerMessage(1, LogLevel.Information, "This node is no member of the cluster yet, and asks again: {Reason}.")]
    private partial void LogWaits(string reason);

    [LoggerMessage(2, LogLevel.Debug, "Silo {Silo} did not answer the request to join: {Failure}")]
    private partial void LogNoAnswer(string failure, SiloAddress silo);
}
