using OrleansGeo.Primitives;
using OrleansGeo.Simulation.Checkers.Transactions;

namespace OrleansGeo.Simulation.Workloads;

/// <summary>One client of a workload: it draws a transaction, has it run and notes everything in the history.</summary>
/// <param name="workload">What to do.</param>
/// <param name="history">Where it is noted.</param>
/// <param name="client">Who runs it.</param>
/// <param name="id">The client's number in the history.</param>
/// <param name="prng">What chance follows from.</param>
/// <param name="nowMicros">The one clock of all clients.</param>
public sealed class WorkloadClient(
    TransactionWorkload workload, TransactionHistory history, ITransactionClient client, int id, Prng prng, Func<long> nowMicros)
{
    /// <summary>Transactions that certainly committed.</summary>
    public int Committed { get; private set; }

    /// <summary>Draws and runs one transaction.</summary>
    public Task<TransactionOutcome> StepAsync(CancellationToken cancellation) => RunAsync(workload.Next(id, prng), cancellation);

    /// <summary>Runs one transaction, as for <see cref="TransactionWorkload.Setup"/> and <see cref="TransactionWorkload.Final"/>.</summary>
    public async Task<TransactionOutcome> RunAsync(AbstractTransaction transaction, CancellationToken cancellation)
    {
        var entry = history.Begin(id, nowMicros());
        var result = await client.RunAsync(transaction, operations => history.Did(entry, operations), cancellation);
        switch (result.Outcome)
        {
            case TransactionOutcome.Committed:
                history.Committed(entry, result.Operations, nowMicros(), result.CommitTimestamp);
                Committed++;
                break;
            case TransactionOutcome.Aborted:
                history.Aborted(entry, result.Operations, nowMicros());
                break;
            default:
                history.Unknown(entry, result.Operations, nowMicros());
                break;
        }

        return result.Outcome;
    }
}
