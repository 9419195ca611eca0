using OrleansGeo.Primitives;

namespace OrleansGeo.Transactions;

/// <summary>What to do with a request, given what is remembered under its id.</summary>
public abstract record RequestDecision
{
    /// <summary>Test builds only: a request that was done is done again.</summary>
    public const string BugDoesTwice = "request-record-does-twice";

    private RequestDecision()
    {
    }

    /// <summary>Nothing is remembered: do it.</summary>
    public sealed record Fresh : RequestDecision;

    /// <summary>It was done: answer with the outcome it had.</summary>
    public sealed record Replay(byte[] Outcome) : RequestDecision;

    /// <summary>The id was used for a request with another body: refuse.</summary>
    public sealed record Mismatch : RequestDecision;

    private static readonly Fresh s_fresh = new();
    private static readonly Mismatch s_mismatch = new();

    /// <summary>Decides; <paramref name="record"/> is null when none is stored.</summary>
    public static RequestDecision Decide(RequestRecord? record, ReadOnlySpan<byte> bodyHash)
    {
        if (record is null || PlantedBug.Is(BugDoesTwice))
        {
            return s_fresh;
        }

        return record.BodyHash.AsSpan().SequenceEqual(bodyHash) ? new Replay(record.Outcome) : s_mismatch;
    }
}
