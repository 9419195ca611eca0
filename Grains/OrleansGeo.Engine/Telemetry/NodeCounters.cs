namespace OrleansGeo.Engine;

/// <summary>
/// What a node counts from its start, in plain fields: written on its scheduler, read from anywhere. Counting is part of the engine, so a
/// simulated node counts too; showing the counts is not, see <see cref="NodeMetrics"/>.
/// </summary>
internal sealed class NodeCounters
{
    /// <summary>Writes that replicas here proposed as leaders.</summary>
    public long Proposals;

    /// <summary>Those of them that were applied here in the term they were proposed in.</summary>
    public long Commits;

    /// <summary>Entries applied by replicas here.</summary>
    public long Applied;

    /// <summary>Times a replica here asked for votes.</summary>
    public long Campaigns;

    /// <summary>Times a replica here began to lead.</summary>
    public long LeadershipsGained;

    /// <summary>Times a replica here ceased to lead.</summary>
    public long LeadershipsLost;

    /// <summary>Snapshots of which the last part was sent.</summary>
    public long SnapshotsSent;

    /// <summary>Snapshots installed.</summary>
    public long SnapshotsApplied;

    /// <summary>Versions of rows removed because nobody can read them any more.</summary>
    public long VersionsCollected;

    /// <summary>Request records whose removal replicas here proposed as leaders.</summary>
    public long RequestRecordsCollected;

    /// <summary>Bytes of the batches given to storage.</summary>
    public long StorageBytesWritten;

    /// <summary>Times a peer that was heard fell silent.</summary>
    public long PeersSilenced;
}
