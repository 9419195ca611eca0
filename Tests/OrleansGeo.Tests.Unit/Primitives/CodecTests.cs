using OrleansGeo.Primitives;
using Xunit;

namespace OrleansGeo.Tests.Unit.Primitives;

public sealed class CodecTests
{
    [Fact]
    public void What_is_written_is_read_back()
    {
        var chance = new Prng(30);
        for (var i = 0; i < 20_000; i++)
        {
            var number = chance.NextUInt64() >> chance.Below(64);
            var signed = (long)(chance.NextUInt64() >> chance.Below(64)) * (chance.Chance(0.5) ? -1 : 1);
            var bytes = new byte[chance.Below(300)];
            chance.Fill(bytes);
            var writer = new CodecWriter(1);
            writer.WriteByte((byte)number);
            writer.WriteBool(number % 2 == 0);
            writer.WriteUInt64(number);
            writer.WriteInt64(signed);
            writer.WriteInt32((int)signed);
            writer.WriteFixed64(number);
            writer.WriteBytes(bytes);
            writer.WriteRaw([1, 2]);
            writer.WriteString("zoë 😀\0");
            writer.WriteTimestamp(new HlcTimestamp(number));
            writer.WriteKey(new Key(bytes));

            var reader = new CodecReader(writer.ToArray());
            Assert.Equal((byte)number, reader.ReadByte());
            Assert.Equal(number % 2 == 0, reader.ReadBool());
            Assert.Equal(number, reader.ReadUInt64());
            Assert.Equal(signed, reader.ReadInt64());
            Assert.Equal((int)signed, reader.ReadInt32());
            Assert.Equal(number, reader.ReadFixed64());
            Assert.True(reader.ReadBytes().SequenceEqual(bytes));
            Assert.True(reader.ReadRaw(2).SequenceEqual((ReadOnlySpan<byte>)[1, 2]));
            Assert.Equal("zoë 😀\0", reader.ReadString());
            Assert.Equal(new HlcTimestamp(number), reader.ReadTimestamp());
            Assert.Equal(new Key(bytes), reader.ReadKey());
            reader.ExpectEnd("the test");
        }
    }

    [Theory]
    [InlineData(0L, "00")]
    [InlineData(-1L, "01")]
    [InlineData(1L, "02")]
    [InlineData(-64L, "7f")]
    [InlineData(64L, "8001")]
    [InlineData(long.MaxValue, "feffffffffffffffff01")]
    [InlineData(long.MinValue, "ffffffffffffffffff01")]
    public void Signed_integers_have_these_bytes(long value, string bytes)
    {
        var writer = new CodecWriter();
        writer.WriteInt64(value);
        Assert.Equal(bytes, Convert.ToHexStringLower(writer.Written));
        Assert.Equal(value, new CodecReader(writer.Written).ReadInt64());
    }

    [Fact]
    public void Random_bytes_are_read_or_refused_and_nothing_else()
    {
        var chance = new Prng(31);
        var (read, refused) = (0, 0);
        for (var i = 0; i < 100_000; i++)
        {
            var bytes = new byte[chance.Below(24)];
            chance.Fill(bytes);
            try
            {
                ReadSomething(chance, bytes);
                read++;
            }
            catch (CodecException)
            {
                refused++;
            }
        }

        Assert.True(read > 1000 && refused > 1000, $"{read} read, {refused} refused");
    }

    [Fact]
    public void Bytes_beyond_the_end_or_the_rules_are_refused()
    {
        Refused([], static r => r.ReadByte());
        Refused([2], static r => r.ReadBool());
        Refused([0x80], static r => r.ReadUInt64());
        Refused([0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x02], static r => r.ReadUInt64());
        Refused([0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], static r => r.ReadUInt64());
        Refused([0xFF, 0xFF, 0xFF, 0xFF, 0x1F], static r => r.ReadInt32());
        Refused([1, 2, 3, 4, 5, 6, 7], static r => r.ReadFixed64());
        Refused([2, 1], static r => r.ReadBytes());
        Refused([1, 0xFF], static r => r.ReadString());
        Refused([1], static r => r.ReadRaw(2));
        Refused([1], static r => r.ReadRaw(-1));
        Refused([3], static r => r.ReadVersion("a thing", 2));
        Refused([0], static r => r.ReadVersion("a thing", 2));
        Refused([1], static r => r.ExpectEnd("a thing"));
    }

    [Fact]
    public void A_cleared_writer_begins_again()
    {
        var writer = new CodecWriter();
        writer.WriteString("first");
        writer.Clear();
        writer.WriteByte(7);
        Assert.Equal([7], writer.ToArray());
        Assert.Equal(1, writer.Length);
    }

    private delegate void Reading(CodecReader reader);

    private static void Refused(byte[] bytes, Reading read) => Assert.Throws<CodecException>(() => read(new CodecReader(bytes)));

    private static void ReadSomething(Prng chance, byte[] bytes)
    {
        var reader = new CodecReader(bytes);
        for (var left = 1 + chance.Below(4); left > 0; left--)
        {
            switch (chance.Below(12))
            {
                case 0: reader.ReadByte(); break;
                case 1: reader.ReadBool(); break;
                case 2: reader.ReadUInt64(); break;
                case 3: reader.ReadInt64(); break;
                case 4: reader.ReadInt32(); break;
                case 5: reader.ReadCount(); break;
                case 6: reader.ReadFixed64(); break;
                case 7: reader.ReadBytes(); break;
                case 8: reader.ReadRaw((int)chance.Between(-3, 30)); break;
                case 9: reader.ReadString(); break;
                case 10: reader.ReadKey(); break;
                default: reader.ReadVersion("a thing", 200); break;
            }
        }
    }
}
