using System.Collections.Immutable;
using OrleansGeo.Primitives;
using OrleansGeo.Transactions;

namespace OrleansGeo.Engine;

/// <summary>A transaction whose outcome is known, and what is left of it.</summary>
/// <param name="Tag">Which.</param>
/// <param name="Keys">All keys that it writes.</param>
/// <param name="Request">The request it is for.</param>
/// <param name="Began">When its end began, by the host's time.</param>
internal sealed record UnfinishedTransaction(TransactionTag Tag, ImmutableArray<Key> Keys, RequestName Request, long Began)
{
    /// <summary>When its intents become visible; null when they are to go.</summary>
    public HlcTimestamp? Commit { get; set; }

    /// <summary>Keys whose intents are not resolved yet.</summary>
    public int Open { get; set; }

    /// <summary>Something was not done here: its record stays, for whoever meets what is left.</summary>
    public bool IsLeft { get; set; }

    /// <summary>Completed in the end, for a client that waits for it; null when none does.</summary>
    public TaskCompletionSource? Ended { get; set; }
}

/// <summary>
/// What is due at one range, in the order in which it became due. It goes in requests of many; while as many as may be are on their way
/// the rest collects here.
/// </summary>
internal sealed class FinishQueue(RangeId range)
{
    private readonly List<UnfinishedTransaction> _commits = [];
    private readonly List<(UnfinishedTransaction Of, Key Key)> _resolutions = [];
    private readonly List<RecordPlace> _forgotten = [];

    public RangeId Range => range;

    /// <summary>Requests on their way.</summary>
    public int OnTheirWay { get; set; }

    /// <summary>Keys are locked for as long as this takes.</summary>
    public bool IsUrgent => _commits.Count + _resolutions.Count > 0;

    /// <summary>Records that may go with whatever is sent next.</summary>
    public int Forgotten => _forgotten.Count;

    public void Commit(UnfinishedTransaction transaction) => _commits.Add(transaction);

    public void Resolve(UnfinishedTransaction transaction, Key key) => _resolutions.Add((transaction, key));

    public void Forget(UnfinishedTransaction transaction) => _forgotten.Add(new(transaction.Tag.Anchor, transaction.Tag.Id));

    /// <summary>Takes what goes in one request.</summary>
    public FinishBatch Take(int max)
    {
        var commits = TakeFirst(_commits, max);
        return new(commits, TakeFirst(_resolutions, max - commits.Length), TakeFirst(_forgotten, max));
    }

    private static T[] TakeFirst<T>(List<T> from, int max)
    {
        var count = Math.Min(from.Count, max);
        if (count == 0)
        {
            return [];
        }

        var taken = from.GetRange(0, count).ToArray();
        from.RemoveRange(0, count);
        return taken;
    }
}

/// <summary>What goes to a range in one request.</summary>
/// <param name="Commits">Whose records are to be committed.</param>
/// <param name="Resolutions">Intents to resolve.</param>
/// <param name="Forgotten">Records that may go.</param>
internal sealed record FinishBatch(
    UnfinishedTransaction[] Commits, (UnfinishedTransaction Of, Key Key)[] Resolutions, RecordPlace[] Forgotten)
{
    public Key Route => Commits.Length > 0 ? Commits[0].Tag.Anchor
        : Resolutions.Length > 0 ? Resolutions[0].Key
        : Forgotten[0].Anchor;

    public RangeOperation.Finish Operation()
    {
        var commits = ImmutableArray.CreateBuilder<RangeOperation.Conclude>(Commits.Length);
        foreach (var due in Commits)
        {
            commits.Add(new(due.Tag, TransactionVerdict.Commit, due.Commit!.Value, due.Keys, due.Request));
        }

        var resolutions = ImmutableArray.CreateBuilder<Resolution>(Resolutions.Length);
        foreach (var (of, key) in Resolutions)
        {
            resolutions.Add(new(key, of.Tag.Id, of.Commit));
        }

        return new(commits.MoveToImmutable(), resolutions.MoveToImmutable(), [.. Forgotten]);
    }
}
