using OrleansGeo.Consensus;
using OrleansGeo.Primitives;
using OrleansGeo.Transactions;

namespace OrleansGeo.Engine;

// The system range as seen here: every node holds a replica of it and keeps it decoded.
public sealed partial class Node
{
    private readonly SystemViewBuilder _systemBuilder = new();
    private readonly List<(LogIndex Applied, TaskCompletionSource Waiter)> _systemWaiters = [];

    /// <inheritdoc />
    public SystemView System { get; private set; } = SystemView.Empty;

    /// <inheritdoc />
    public async Task AwaitSystemAsync(LogIndex applied, CancellationToken cancellation)
    {
        if (System.Applied >= applied)
        {
            return;
        }

        var waiter = new TaskCompletionSource();
        _systemWaiters.Add((applied, waiter));
        using var registration = cancellation.UnsafeRegister(
            (_, token) => _scheduler.Post(_ => waiter.TrySetCanceled(token), null), null);
        await waiter.Task;
    }

    internal void ApplySystemChanges(List<(HlcTimestamp Timestamp, (Key Key, byte[]? Value)[] Operations)> changes)
    {
        if (!_replicas.TryGetValue(SystemKeys.RangeId, out var system) || system.Applied == System.Applied)
        {
            return;
        }

        var decoded = new List<SystemChange>();
        foreach (var (timestamp, operations) in changes)
        {
            foreach (var (key, value) in operations)
            {
                decoded.Add(new(key, value, timestamp));
            }
        }

        Publish(_systemBuilder.Apply(decoded, system.Applied));
    }

    /// <summary>Reads the whole system range from storage: at the start, and after a snapshot of it.</summary>
    internal void LoadSystemView()
    {
        if (!_replicas.TryGetValue(SystemKeys.RangeId, out var system) || system.Descriptor is null)
        {
            return;
        }

        var rows = new List<MvccRow>();
        Mvcc.Scan(Storage, SystemKeys.Span, HlcTimestamp.Max, new(int.MaxValue, long.MaxValue), false, rows);
        _systemBuilder.Reset();
        Publish(_systemBuilder.Apply(rows.Select(row => new SystemChange(row.Key, row.Value, row.Timestamp)), system.Applied));
    }

    // The system range's leaseholder keeps it where the cluster's nodes are: a node that joined follows it, and its voters are moved where
    // they survive more. See SystemMembers.
    private void KeepSystemRange()
    {
        if (_replicas.TryGetValue(SystemKeys.RangeId, out var system) && system.Descriptor is { } range && system.MayServe()
            && SystemMembers.Next(range, System.Nodes.Values, IsLive) is { } step)
        {
            system.Take(step);
        }
    }

    private void Publish(SystemView view)
    {
        var before = System;
        System = view;
        if (!ReferenceEquals(before.Nodes, view.Nodes))
        {
            Peers = [.. view.Nodes.Keys.Where(node => node != Id)];
            Liveness.SetPeers([.. Peers]);
            foreach (var replica in _replicas.Values)
            {
                replica.RefreshCampaignDelay();
            }

            ScheduleTurn();
        }

        if (!ReferenceEquals(before.Tables, view.Tables))
        {
            RemoveReplicasOfDroppedTables(before, view);
        }

        if (!ReferenceEquals(before.RangesByStart, view.RangesByStart))
        {
            CreateReplicas(view);
            foreach (var range in _systemBuilder.ChangedRanges)
            {
                // It may have left this node out.
                if (_replicas.TryGetValue(range, out var replica))
                {
                    Stir(replica);
                }
            }
        }

        for (var i = _systemWaiters.Count - 1; i >= 0; i--)
        {
            if (_systemWaiters[i].Applied <= view.Applied)
            {
                var waiter = _systemWaiters[i].Waiter;
                _systemWaiters.RemoveAt(i);
                waiter.TrySetResult();
            }
        }
    }

    private void CreateReplicas(SystemView view)
    {
        var regions = view.Nodes.Values.ToDictionary(node => node.Id, node => node.Region);
        foreach (var descriptor in view.RangesByStart.Values)
        {
            if (descriptor.Generation == 1 && descriptor.Configuration.IsMember(Id) && !_removed.ContainsKey(descriptor.Id)
                && (!_replicas.TryGetValue(descriptor.Id, out var replica) || replica.Descriptor is null))
            {
                var state = new ReplicaState(descriptor, RangeReplica.BornAt, NodeStore.FirstTerm, descriptor.Configuration);
                BirthReplica(descriptor.Id, state, NodeStore.FirstTerm, LeaseRanking.FirstChoice(regions, descriptor), HlcTimestamp.Zero);
                ScheduleTurn();
            }
        }
    }

    private void RemoveReplicasOfDroppedTables(SystemView before, SystemView view)
    {
        var kept = view.Tables.Values.Select(table => table.Info.Id).ToHashSet();
        foreach (var table in before.Tables.Values)
        {
            if (kept.Contains(table.Info.Id))
            {
                continue;
            }

            foreach (var replica in _replicas.Values)
            {
                if (replica.Descriptor?.TableId == table.Info.Id)
                {
                    RemoveReplicaSoon(replica);
                }
            }
        }
    }
}
