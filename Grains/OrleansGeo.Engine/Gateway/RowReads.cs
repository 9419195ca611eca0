using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>
/// Reads of rows by key.
/// <para>
/// <b>Strong, one range:</b> the leaseholder answers at a timestamp it chooses. Linearizable.
/// </para>
/// <para>
/// <b>Strong, several ranges:</b> all leaseholders are asked at once, each at a timestamp of its own choice, which is at or above every
/// write to those keys that it acknowledged. The highest of these timestamps is the read's; ranges that answered below it are asked again
/// at it. So the answer is one moment, it holds every write acknowledged before the read began, and it costs one round trip to the farthest
/// leaseholder, or two. What it does not give is strict serializability: of two writes to different ranges made one after the other
/// <i>while</i> the read runs, it may hold the later one alone, when the clocks of their leaseholders differ and no client carried a
/// session from one to the other.
/// </para>
/// <para>
/// <b>Stale:</b> all ranges at the one moment of a <see cref="ReadPin"/>.
/// </para>
/// </summary>
internal sealed class RowReads(GatewayCore core, CatalogReader catalog, ReadPins pins)
{
    public async Task<GeoResult<VersionedRow>> ReadAsync(RequestScope scope, TableRef name, ImmutableArray<Datum> key, ReadBound bound)
    {
        var isStrong = bound is ReadBound.StrongRead;
        var (table, error) = await catalog.TableAsync(scope, name, !isStrong);
        if (table is null)
        {
            return scope.Fail<VersionedRow>(error!);
        }

        if (RowMapper.TryKey(table.Info, key, out var rowKey) is { } refused)
        {
            return scope.Fail<VersionedRow>(refused);
        }

        if (!isStrong)
        {
            return First(await ReadStaleAsync(scope, table.Info, [rowKey], [key], bound), table.Info);
        }

        var end = await core.AskAsync(scope, rowKey, new RangeOperation.Get([rowKey], null));
        if (end.Outcome is not RangeOutcome.Found found)
        {
            return scope.Fail<VersionedRow>(end.Error ?? CatalogReader.Unexpected(end.Outcome));
        }

        scope.Saw(found.ReadAt);
        return found.Values[0].Value is { } value
            ? scope.Ok(RowMapper.ToRow(table.Info, key, found.Values[0].Version, value), "strong", found.ReadAt)
            : scope.Fail<VersionedRow>(NoRow(table.Info), "strong", found.ReadAt);
    }

    public async Task<GeoResult<Listing<VersionedRow?>>> ReadManyAsync(
        RequestScope scope, TableRef name, ImmutableArray<ImmutableArray<Datum>> keys, ReadBound bound)
    {
        if (keys.Length > GeoLimits.PageRowsMax)
        {
            return scope.Fail<Listing<VersionedRow?>>(new(
                GeoErrorKind.TooLarge, "too-many-keys", $"{keys.Length} keys are asked for and {GeoLimits.PageRowsMax} is the limit",
                    "keys"));
        }

        var (table, error) = await catalog.TableAsync(scope, name, bound is not ReadBound.StrongRead);
        if (table is null)
        {
            return scope.Fail<Listing<VersionedRow?>>(error!);
        }

        var rowKeys = new Key[keys.Length];
        for (var i = 0; i < rowKeys.Length; i++)
        {
            if (RowMapper.TryKey(table.Info, keys[i], out rowKeys[i]) is { } invalid)
            {
                return scope.Fail<Listing<VersionedRow?>>(invalid);
            }
        }

        return rowKeys.Length == 0 ? scope.Ok(new Listing<VersionedRow?>([]))
            : bound is ReadBound.StrongRead ? await ReadStrongAsync(scope, table.Info, rowKeys, keys)
            : await ReadStaleAsync(scope, table.Info, rowKeys, keys, bound);
    }

    private async Task<GeoResult<Listing<VersionedRow?>>> ReadStrongAsync(
        RequestScope scope, TableInfo table, Key[] rowKeys, ImmutableArray<ImmutableArray<Datum>> keys)
    {
        while (true)
        {
            var (groups, missing) = await GroupAsync(scope, rowKeys, localOnly: false);
            if (missing is not null)
            {
                return scope.Fail<Listing<VersionedRow?>>(missing);
            }

            var first = await AskAllAsync(
                scope, groups, (part, group) => core.AskAsync(part, group.Route, new RangeOperation.Get(group.Keys, null)));
            if (first is { } failed)
            {
                if (failed.Outcome is RangeOutcome.Moved && !scope.IsOver)
                {
                    continue;
                }

                return scope.Fail<Listing<VersionedRow?>>(failed.Error ?? CatalogReader.Unexpected(failed.Outcome));
            }

            var at = groups.Max(group => group.Found!.ReadAt.Value);
            var readAt = new HlcTimestamp(at);
            core.Host.TryObserve(readAt);
            var behind = groups.FindAll(group => group.Found!.ReadAt < readAt);
            var second = await AskAllAsync(
                scope, behind, (part, group) => core.AskAsync(part, group.Route, new RangeOperation.Get(group.Keys, readAt)));
            if (second is null)
            {
                return scope.Ok(ToListing(table, groups, keys), "strong", readAt);
            }

            if (second.Value.Outcome is not RangeOutcome.Moved || scope.IsOver)
            {
                return scope.Fail<Listing<VersionedRow?>>(second.Value.Error ?? CatalogReader.Unexpected(second.Value.Outcome));
            }
        }
    }

    private async Task<GeoResult<Listing<VersionedRow?>>> ReadStaleAsync(
        RequestScope scope, TableInfo table, Key[] rowKeys, ImmutableArray<ImmutableArray<Datum>> keys, ReadBound bound)
    {
        while (true)
        {
            var (groups, missing) = await GroupAsync(scope, rowKeys, IsLocalOnly(bound));
            if (missing is not null)
            {
                return scope.Fail<Listing<VersionedRow?>>(missing);
            }

            var (pin, error) = bound is ReadBound.Bounded bounded
                ? await pins.BoundedAsync(bounded, groups.ConvertAll(group => group.Range), scope)
                : pins.Named(bound, scope);
            if (error is not null)
            {
                return scope.Fail<Listing<VersionedRow?>>(error);
            }

            var end = await AskAllAsync(
                scope, groups, (part, group) => pins.AskAsync(part, group.Route, false, pin, new RangeOperation.Get(group.Keys, pin.At)));
            if (end is null)
            {
                scope.Saw(pin.At);
                return scope.Ok(ToListing(table, groups, keys), pin.Consistency, pin.At, pins.StalenessMs(pin));
            }

            if (end.Value.Outcome is not RangeOutcome.Moved || scope.IsOver)
            {
                return scope.Fail<Listing<VersionedRow?>>(end.Value.Error ?? CatalogReader.Unexpected(end.Value.Outcome), pin.Consistency);
            }
        }
    }

    // Keys by range. When a range is not known, the directory is brought up to date, unless nobody may be asked.
    private async Task<(List<KeyGroup> Groups, GeoError? Error)> GroupAsync(RequestScope scope, Key[] rowKeys, bool localOnly)
    {
        var (parts, error) = await KeyParts.ByRangeAsync(core, scope, rowKeys, Enumerable.Range(0, rowKeys.Length), localOnly);
        return parts is null
            ? ([], error ?? pins.TooFresh(HlcTimestamp.Zero))
            : (parts.ConvertAll(part => new KeyGroup(part.Range, part.Of(rowKeys), part.Positions)), null);
    }

    // All groups at once. Null when each has what it asked for, else the first that has not.
    private static async Task<CallEnd?> AskAllAsync(
        RequestScope scope, List<KeyGroup> groups, Func<RequestScope, KeyGroup, Task<CallEnd>> ask)
    {
        var parts = new RequestScope[groups.Count];
        var calls = new Task<CallEnd>[groups.Count];
        for (var i = 0; i < calls.Length; i++)
        {
            parts[i] = scope.Fork();
            calls[i] = AskOneAsync(parts[i], groups[i], ask);
        }

        CallEnd? failed = null;
        for (var i = 0; i < calls.Length; i++)
        {
            var end = await calls[i];
            if (end.Outcome is RangeOutcome.Found found)
            {
                groups[i].Found = found;
                parts[i].Saw(found.ReadAt);
            }
            else if (failed is null || end.Outcome is not RangeOutcome.Moved)
            {
                failed = end;
            }
        }

        scope.Join(parts);
        return failed;
    }

    private static async Task<CallEnd> AskOneAsync(RequestScope part, KeyGroup group, Func<RequestScope, KeyGroup, Task<CallEnd>> ask)
    {
        var end = await ask(part, group);
        part.Finish();
        return end;
    }

    private static Listing<VersionedRow?> ToListing(TableInfo table, List<KeyGroup> groups, ImmutableArray<ImmutableArray<Datum>> keys)
    {
        var rows = new VersionedRow?[keys.Length];
        foreach (var group in groups)
        {
            for (var i = 0; i < group.Keys.Length; i++)
            {
                var found = group.Found!.Values[i];
                var position = group.Positions[i];
                rows[position] = found.Value is { } value ? RowMapper.ToRow(table, keys[position], found.Version, value) : null;
            }
        }

        return new([.. rows]);
    }

    private static GeoResult<VersionedRow> First(GeoResult<Listing<VersionedRow?>> listing, TableInfo table) => !listing.IsOk
        ? new(null, listing.Error, listing.Meta)
        : new(listing.Value.Items[0], listing.Value.Items[0] is null ? NoRow(table) : null, listing.Meta);

    private static GeoError NoRow(TableInfo table) =>
        new(GeoErrorKind.NotFound, "row-not-found", $"{table.Spec.Name} has no row with this key", "key");

    private static bool IsLocalOnly(ReadBound bound) => bound switch
    {
        ReadBound.Bounded bounded => bounded.LocalOnly,
        ReadBound.Exact exact => exact.LocalOnly,
        ReadBound.At at => at.LocalOnly,
        _ => false,
    };

    /// <summary>The keys of a read that one range holds.</summary>
    private sealed class KeyGroup(RangeDescriptor range, ImmutableArray<Key> keys, List<int> positions)
    {
        public RangeDescriptor Range { get; } = range;

        public List<int> Positions { get; } = positions;

        public ImmutableArray<Key> Keys { get; } = keys;

        public Key Route => Keys[0];

        public RangeOutcome.Found? Found { get; set; }
    }
}
