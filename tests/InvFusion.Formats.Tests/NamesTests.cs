using InvFusion.Formats.IO;
using Xunit;

namespace InvFusion.Formats.Tests;

public sealed class NamesTests
{
    [Theory]
    [InlineData("faces/00001.png", "faces/00001.png")]
    [InlineData("ünïcødé/日本/🙂.png", "ünïcødé/日本/🙂.png")]
    [InlineData("a\u001b[2Jb\r\nc\u009bd\u007f", "a?[2Jb??c?d?")] // clears a terminal, begins a line
    [InlineData("gnp\u202eexe", "gnp?exe")] // turns the direction of writing
    public void Nothing_that_a_terminal_acts_on_is_shown(string name, string shown) => Assert.Equal(shown, Names.Shown(name));

    [Fact]
    public void A_name_is_cut_and_so_is_a_message()
    {
        Assert.Equal(new string('x', 200) + "...", Names.Shown(new string('x', 60_000)));
        Assert.Equal("half ? of a pair", Names.Shown("half \ud83d of a pair"));
        Assert.Equal("'" + new string('x', 80) + "...'", Names.Quote(new string('x', 60_000)));
        var message = new DataFormatException($"a\n{new string('x', 60_000)}\u001b[31m").Message;
        Assert.StartsWith("a?xxx", message);
        Assert.InRange(message.Length, 2000, 2010);
    }
}
