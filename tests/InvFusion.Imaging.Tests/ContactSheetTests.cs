namespace InvFusion.Imaging.Tests;

public class ContactSheetTests
{
    [Fact]
    public void Pictures_appear_enlarged_and_whole()
    {
        var (first, second) = (TestImages.Noise(16, 16, 3, 1), TestImages.Noise(16, 16, 3, 2));
        var sheet = new ContactSheet { Title = "A title", MinimumSide = 32 };
        sheet.AddRow("row", new SheetCell(first, "one"), new SheetCell(second, "two"));
        var picture = sheet.Render();
        Assert.True(Contains(picture, Enlarge(first, 2)));
        Assert.True(Contains(picture, Enlarge(second, 2)));
        Assert.False(Contains(picture, Enlarge(first, 3)));
    }

    [Fact]
    public void Smooth_enlargement_is_Lanczos()
    {
        var image = TestImages.Noise(16, 16);
        var sheet = new ContactSheet { MinimumSide = 48, Smooth = true };
        sheet.AddRow(null, new SheetCell(image));
        Assert.True(Contains(sheet.Render(), Resampler.Resize(image, 48, 48, ResampleFilter.Lanczos)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Every_text_leaves_ink(bool dark)
    {
        var plain = Ink(new ContactSheet { Dark = dark }, null, null);
        var title = Ink(new ContactSheet { Dark = dark, Title = "Title" }, null, null);
        var note = Ink(new ContactSheet { Dark = dark, Note = "Note" }, null, null);
        var header = Ink(new ContactSheet { Dark = dark, Columns = ["Header"] }, null, null);
        var label = Ink(new ContactSheet { Dark = dark }, "Label", null);
        var caption = Ink(new ContactSheet { Dark = dark }, null, "Caption");
        Assert.All([title, note, header, label, caption], ink => Assert.True(ink > plain));
    }

    [Fact]
    public void A_row_may_be_shorter_and_hold_empty_places()
    {
        var sheet = new ContactSheet();
        sheet.AddRow(null, new SheetCell(TestImages.Noise(8, 8)), new SheetCell(null, "nothing"), new SheetCell(TestImages.Noise(8, 8, 1)));
        sheet.AddRow("second", new SheetCell(TestImages.Noise(4, 8)));
        Assert.True(sheet.Render().Width > 3 * 192);
    }

    [Fact]
    public void A_sheet_without_pictures_is_refused() => Assert.Throws<InvalidOperationException>(() => new ContactSheet().Render());

    [Fact]
    public void Every_character_of_sheets_has_its_own_shape()
    {
        var characters = Enumerable.Range('!', '~' - '!' + 1).Select(c => (char)c).Concat("⁺σ×²μ±Δ·→–…éüßᵀ≤").ToArray();
        Assert.All(characters, c => Assert.True(TextFont.Has(c), $"{c}"));
        Assert.Equal(characters.Length, characters.Select(Shape).ToHashSet().Count);
        Assert.False(TextFont.Has('字'));
        Assert.Contains(Shape('字'), shape => shape != '0'); // a box
    }

    [Fact]
    public void Text_is_wrapped_at_blanks_and_long_words_are_cut()
    {
        const int Size = 16;
        Assert.Equal(["one two", "three"], TextLayout.Wrap("one two three", Wide("one two th"), Size));
        Assert.Equal(["abcdefg…"], TextLayout.Wrap("abcdefghijkl", Wide("abcdefg…"), Size));
        Assert.Equal(["a", "b"], TextLayout.Wrap("a\nb", 100, Size));
        Assert.Empty(TextLayout.Wrap(" ", 100, Size));

        static int Wide(string text) => TextFont.Width(text, Size);
    }

    [Theory]
    [InlineData("sample 12, 24.31 dB")]
    [InlineData("missing-box:20,20,144,144")]
    [InlineData("residual 0.98 σ_y (mean 0.97), 90 % intervals hold 91 %")]
    public void A_line_never_ends_inside_a_number_or_before_its_unit(string text)
    {
        for (var width = TextFont.Width("24.31 dB", 16) + 8; width < 300; width += 3)
        {
            var lines = TextLayout.Wrap(text, width, 16);
            Assert.DoesNotContain(lines, l => l.Contains('…'));
            Assert.All(lines, l => Assert.True(TextFont.Width(l, 16) <= width));
            for (var i = 1; i < lines.Length; i++)
            {
                Assert.False(char.IsAsciiDigit(lines[i - 1][^1]) && char.IsAsciiDigit(lines[i][0]), $"{lines[i - 1]}|{lines[i]}");
                Assert.DoesNotMatch(@"^(dB|%|σ_y)\b", lines[i]);
            }
        }
    }

    [Fact]
    public void A_scale_shows_the_colours_below_the_picture()
    {
        var plain = new ContactSheet();
        plain.AddRow(null, new SheetCell(TestImages.Noise(8, 8), "map"));
        var scaled = new ContactSheet();
        scaled.AddRow(null, new SheetCell(TestImages.Noise(8, 8), "map") { Scale = 0.3f });
        var (before, after) = (plain.Render(), scaled.Render());
        Assert.Equal(before.Width, after.Width);
        Assert.True(after.Height > before.Height);
        var brightest = Colormap.Apply([0, 1], 2, 1).Pixels[3..];
        var below = after.Crop(0, before.Height - 28, after.Width, after.Height - before.Height + 28);
        Assert.True(Contains(below, new RgbImage(1, 1, 3, brightest)));
    }

    [Fact]
    public void A_grid_places_images_row_by_row()
    {
        var images = Enumerable.Range(0, 5).Select(i => TestImages.Noise(4, 3, 3, i)).ToArray();
        var grid = ImageGrid.Tile(images, columns: 3, gap: 1);
        Assert.Equal((14, 7), (grid.Width, grid.Height));
        for (var i = 0; i < 5; i++)
            Assert.Equal(images[i].Pixels, grid.Crop(i % 3 * 5, i / 3 * 4, 4, 3).Pixels);
        Assert.Throws<ArgumentException>(() => ImageGrid.Tile([images[0], TestImages.Noise(3, 3)]));
    }

    [Fact]
    public void The_colour_map_grows_lighter_from_low_to_high()
    {
        var map = Colormap
            .Apply(
                new float[,]
                {
                    { -1, 0, 1, 2, 3, 4, 9 },
                },
                low: 0,
                high: 4
            )
            .ToGrey();
        Assert.Equal(map.Pixels.Order(), map.Pixels);
        Assert.Equal(map.Pixels[0], map.Pixels[1]);
        Assert.Equal(map.Pixels[5], map.Pixels[6]);
        Assert.Equal(5, map.Pixels.Distinct().Count());
    }

    [Fact]
    public void The_colour_map_takes_the_largest_number_and_shows_what_is_none()
    {
        var map = Colormap.Apply([0, 5, float.NaN, float.PositiveInfinity], 2, 2);
        Assert.Equal([0, 0, 4, 252, 253, 191, 128, 128, 128, 252, 253, 191], map.Pixels);
        Assert.Equal(
            [0, 0, 4],
            Colormap
                .Apply(
                    new float[,]
                    {
                        { 0 },
                    }
                )
                .Pixels
        );
    }

    private static int Ink(ContactSheet sheet, string? label, string? caption)
    {
        var black = new RgbImage(8, 8);
        black.Pixels.AsSpan().Fill(sheet.Dark ? (byte)21 : (byte)255);
        sheet.AddRow(label, new SheetCell(black, caption));
        var picture = sheet.Render();
        return picture.Pixels.Count(value => sheet.Dark ? value > 100 : value < 150);
    }

    private static string Shape(char character) => string.Join(' ', TextFont.Cover($"{character}", 24).Cast<byte>());

    private static RgbImage Enlarge(RgbImage image, int factor)
    {
        var result = new RgbImage(image.Width * factor, image.Height * factor);
        for (var y = 0; y < result.Height; y++)
        for (var x = 0; x < result.Width; x++)
            image.Pixels.AsSpan((y / factor * image.Width + x / factor) * 3, 3).CopyTo(result.Pixels.AsSpan((y * result.Width + x) * 3));
        return result;
    }

    private static bool Contains(RgbImage picture, RgbImage part)
    {
        for (var y = 0; y <= picture.Height - part.Height; y++)
        for (var x = 0; x <= picture.Width - part.Width; x++)
            if (Enumerable.Range(0, part.Height).All(row => RowMatches(picture, part, x, y, row)))
                return true;
        return false;
    }

    private static bool RowMatches(RgbImage picture, RgbImage part, int x, int y, int row) =>
        picture
            .Pixels.AsSpan(((y + row) * picture.Width + x) * 3, part.Width * 3)
            .SequenceEqual(part.Pixels.AsSpan(row * part.Width * 3, part.Width * 3));
}
