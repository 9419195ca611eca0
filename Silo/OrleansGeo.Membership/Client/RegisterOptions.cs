namespace OrleansGeo.Membership;

/// <summary>How long and how often a client tries.</summary>
public sealed record RegisterOptions
{
    /// <summary>How long one acceptor may take for one answer. Above the longest round trip between regions.</summary>
    public TimeSpan AcceptorTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Rounds that one call may take.</summary>
    public int RoundsMax { get; init; } = 8;

    /// <summary>The pause before the first retry, doubled with each further one; the wait is drawn between half of it and all.</summary>
    public TimeSpan RetryPause { get; init; } = TimeSpan.FromMilliseconds(20);

    /// <summary>The longest pause.</summary>
    public TimeSpan RetryPauseMax { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The largest value in bytes.</summary>
    public int ValueBytesMax { get; init; } = 4 * 1024 * 1024;
}

/// <summary>What a read came to.</summary>
public abstract record ReadOutcome
{
    private ReadOutcome()
    {
    }

    /// <summary>The register held this at a moment of the call. Version 0 with no bytes is the register before its first change.</summary>
    public sealed record Found(long Version, ReadOnlyMemory<byte> Bytes) : ReadOutcome;

    /// <summary>No majority agreed in time.</summary>
    public sealed record Unavailable(string Reason) : ReadOutcome;
}

/// <summary>What became of a change.</summary>
public abstract record ChangeOutcome
{
    private ChangeOutcome()
    {
    }

    /// <summary>It was made, once, and made this version.</summary>
    public sealed record Changed(long Version) : ChangeOutcome;

    /// <summary>It was not made and never will be: the register was at another version, and then held this.</summary>
    public sealed record Conflict(long Version, ReadOnlyMemory<byte> Bytes) : ChangeOutcome;

    /// <summary>It was not made and never will be: no majority took part.</summary>
    public sealed record Unavailable(string Reason) : ChangeOutcome;

    /// <summary>It may have been made, or may yet be, once.</summary>
    public sealed record Unknown(string Reason) : ChangeOutcome;
}

/// <summary>What founding or readmitting came to.</summary>
public abstract record SeatingOutcome
{
    private SeatingOutcome()
    {
    }

    /// <summary>Done; or there was nothing to do.</summary>
    public sealed record Seated(bool WasNeeded) : SeatingOutcome;

    /// <summary>Nothing was done, or not all of it; trying again later is safe.</summary>
    public sealed record Declined(string Reason) : SeatingOutcome;
}
