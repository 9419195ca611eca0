using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Engine;

/// <summary>
/// The bytes in which a node asks a member of another process to be taken in, and those it is answered with: a format version, then the
/// fields in order. What bytes from outside say is checked here: anything else is a <see cref="CodecException"/>.
/// </summary>
internal static class JoinCodec
{
    private const byte Version = 1;

    public static byte[] Encode(JoinRequest join)
    {
        var writer = new CodecWriter();
        writer.WriteByte(Version);
        writer.WriteString(join.ClusterId);
        writer.WriteString(join.Name);
        writer.WriteString(join.Region);
        writer.WriteString(join.Zone);
        writer.WriteOptional(join.HttpAddress);
        writer.WriteBytes(join.Token.AsSpan());
        return writer.ToArray();
    }

    public static JoinRequest ReadRequest(ReadOnlySpan<byte> bytes)
    {
        var reader = new CodecReader(bytes);
        reader.ReadVersion("a request to join", Version);
        var join = new JoinRequest(
            reader.ReadString(), reader.ReadString(), reader.ReadString(), reader.ReadString(), reader.ReadOptionalString(),
            [.. reader.ReadBytes()]);
        reader.ExpectEnd("a request to join");
        return join;
    }

    /// <summary>The answer: taken in, refused for good, or to be asked again.</summary>
    public static byte[] Encode(GeoResult<JoinAnswer> result)
    {
        var writer = new CodecWriter();
        writer.WriteByte(Version);
        writer.WriteBool(result.IsOk);
        if (result.IsOk)
        {
            writer.WriteInt32(result.Value.Node.Value);
            writer.WriteBytes(result.Value.TokenSecret.AsSpan());
            writer.WriteList(result.Value.Nodes, static (writer, node) => writer.WriteBytes(SystemRecords.Encode(node)));
        }
        else
        {
            writer.WriteBool(result.Error.Kind is GeoErrorKind.AlreadyExists or GeoErrorKind.Unprocessable or GeoErrorKind.Invalid);
            writer.WriteString(result.Error.Detail);
        }

        return writer.ToArray();
    }

    public static JoinReply ReadReply(ReadOnlySpan<byte> bytes)
    {
        var reader = new CodecReader(bytes);
        reader.ReadVersion("an answer to who joins", Version);
        JoinReply reply;
        if (reader.ReadBool())
        {
            var (id, secret) = (new NodeId(reader.ReadInt32()), ImmutableArray.Create(reader.ReadBytes()));
            var nodes = reader.ReadList(static (ref reader) => SystemRecords.DecodeNode(reader.ReadBytes()));
            reply = new(new(id, secret, nodes), false, string.Empty);
        }
        else
        {
            reply = new(null, reader.ReadBool(), reader.ReadString());
        }

        reader.ExpectEnd("an answer to who joins");
        return reply;
    }
}

/// <summary>What a node that asked to join heard.</summary>
/// <param name="Answer">It is a member.</param>
/// <param name="IsRefused">It never will be.</param>
/// <param name="Detail">Why it is not.</param>
internal sealed record JoinReply(JoinAnswer? Answer, bool IsRefused, string Detail);
