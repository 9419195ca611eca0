using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using OrleansGeo.Primitives;

namespace OrleansGeo.Tests.Api.Model;

public sealed partial class ModelGeoStore
{
    // Any fixed bytes do: the model's tokens need to be hard to change by accident, not by an enemy.
    private static readonly byte[] s_tokenKey = "the model's page tokens"u8.ToArray();

    public Task<GeoResult<VersionedRow>> ReadRowAsync(
        TableRef table, ImmutableArray<Datum> key, ReadBound bound, RequestOptions options, CancellationToken cancellation) =>
        Do(options, () => WithTable(table, found => Reading<VersionedRow>(bound, (timestamp, meta) =>
        {
            if (CheckKey(found.Info, ref key, WriteKind.Put) is { } error)
            {
                return new(null, error, meta);
            }

            return found.At(key, timestamp) is { } row ? new(row, null, meta) : new(null, NoRow(), meta);
        })));

    public Task<GeoResult<Listing<VersionedRow?>>> ReadRowsAsync(
        TableRef table, ImmutableArray<ImmutableArray<Datum>> keys, ReadBound bound, RequestOptions options,
        CancellationToken cancellation) =>
        Do(options, () => WithTable(table, found => Reading<Listing<VersionedRow?>>(bound, (timestamp, meta) =>
            new(new([.. keys.Select(key => found.At(key, timestamp))]), null, meta))));

    public Task<GeoResult<ScanPage>> ScanAsync(
        TableRef table, ScanRequest scan, ReadBound bound, RequestOptions options, CancellationToken cancellation) =>
        Do(options, () => WithTable(table, found =>
        {
            if (scan.PageToken is not { } token)
            {
                return Reading<ScanPage>(bound, (timestamp, meta) => new(PageOf(found, scan, timestamp, 0), null, meta));
            }

            return TryReadToken(token, table, scan, out var pinned, out var skip)
                ? new(PageOf(found, scan, pinned, skip), null, Meta("at;ts=" + pinned, pinned, _now.WallMillis - pinned.WallMillis))
                : Refused<ScanPage>(new(GeoErrorKind.Invalid, "bad-page", "The page token is of another query, or was changed.", "page"));
        }));

    private GeoResult<T> Reading<T>(ReadBound bound, Func<HlcTimestamp, ResponseMeta, GeoResult<T>> read)
        where T : class
    {
        LastBound = bound;
        var closed = _now.AddMillis(-ClosedLagMs);
        var (timestamp, local, words) = bound switch
        {
            ReadBound.Bounded bounded =>
                (bounded.MaxStalenessMs >= ClosedLagMs ? closed : _now, bounded.LocalOnly, $"bounded;max-ms={bounded.MaxStalenessMs}"),
            ReadBound.Exact exact => (_now.AddMillis(-exact.StalenessMs), exact.LocalOnly, $"exact;ms={exact.StalenessMs}"),
            ReadBound.At at => (at.Timestamp, at.LocalOnly, $"at;ts={at.Timestamp}"),
            _ => (_now, false, "strong"),
        };
        if (timestamp > _now)
        {
            return Refused<T>(new(GeoErrorKind.Invalid, "timestamp-in-future", "The timestamp lies in the future.", "Geo-Consistency"));
        }

        if (local && timestamp > closed)
        {
            var facts = ImmutableSortedDictionary<string, string>.Empty.Add("newest", closed.ToString());
            return Refused<T>(
                new(GeoErrorKind.TooFresh, "too-fresh", "The local replica does not reach that far.", "Geo-Consistency", 100, facts));
        }

        var staleness = bound is ReadBound.StrongRead ? 0 : _now.WallMillis - timestamp.WallMillis;
        return read(timestamp, Meta(words, timestamp, staleness));
    }

    private static ScanPage PageOf(ModelTable table, ScanRequest scan, HlcTimestamp timestamp, int skip)
    {
        var keys = table.History.Keys.Where(key => KeyOrder.ComparePrefix(key, scan.Prefix) == 0
            && (scan.From is not { } from || KeyOrder.ComparePrefix(key, from) >= 0)
            && (scan.To is not { } to || KeyOrder.ComparePrefix(key, to) < 0));
        var rows = (scan.Descending ? keys.Reverse() : keys).Select(key => table.At(key, timestamp)).OfType<VersionedRow>()
            .Where(row => scan.Where.All(condition => Holds(condition, row.Row[condition.Column]))).Skip(skip).Take(scan.Limit + 1)
                .ToImmutableArray();
        return rows.Length > scan.Limit
            ? new(rows[..scan.Limit], TokenOf(new TableRef(table.Info.Database, table.Info.Spec.Name), scan, timestamp, skip + scan.Limit))
            : new(rows, null);
    }

    private static bool Holds(ScanCondition condition, Datum value)
    {
        var order = value.CompareTo(condition.Literal);
        return !value.IsNull && condition.Operator switch
        {
            ScanOperator.Equal => order == 0,
            ScanOperator.NotEqual => order != 0,
            ScanOperator.Less => order < 0,
            ScanOperator.LessOrEqual => order <= 0,
            ScanOperator.Greater => order > 0,
            _ => order >= 0,
        };
    }

    private static string TokenOf(TableRef table, ScanRequest scan, HlcTimestamp timestamp, int skip)
    {
        var position = $"{timestamp}_{skip}";
        var query = $"{table}|{string.Join('/', scan.Prefix)}|{Show(scan.From)}|{Show(scan.To)}|{string.Join(',', scan.Where)}|"
            + $"{scan.Descending}|{position}";
        return $"{position}_{Convert.ToHexStringLower(HMACSHA256.HashData(s_tokenKey, Encoding.UTF8.GetBytes(query)))}";
    }

    private static string Show(ImmutableArray<Datum>? key) => key is { } values ? string.Join('/', values) : "none";

    private static bool TryReadToken(string token, TableRef table, ScanRequest scan, out HlcTimestamp timestamp, out int skip)
    {
        skip = 0;
        var parts = token.Split('_');
        timestamp = default;
        return parts.Length == 3 && HlcTimestamp.TryParse(parts[0], out timestamp) && int.TryParse(parts[1], out skip)
            && TokenOf(table, scan, timestamp, skip) == token;
    }
}
